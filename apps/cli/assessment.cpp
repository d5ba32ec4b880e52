#include "apps/cli/assessment.hpp"

#include <algorithm>
#include <cmath>

#include "apps/cli/people.hpp"

namespace berth::cli {
namespace {

constexpr double kZ = 1.959963984540054;  // of 95%
constexpr std::size_t kShownMatrix = 12;

// The middle and half the width of Wilson's interval.
std::pair<double, double> wilson(const Share& share) {
  const auto n = static_cast<double>(share.of);
  const double p = share.value();
  const double scale = 1.0 + kZ * kZ / n;
  return {(p + kZ * kZ / (2 * n)) / scale, kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / scale};
}

std::string percent(const Share& share) {
  if (share.of == 0) return "-";
  return fixed(100 * share.value(), 1) + "% (" + fixed(100 * share.low(), 0) + "-" + fixed(100 * share.high(), 0) + ")";
}

}  // namespace

double Share::low() const {
  if (of == 0 || hits == 0) return 0.0;
  const auto [middle, half] = wilson(*this);
  return std::max(0.0, middle - half);
}

double Share::high() const {
  if (of == 0 || hits == of) return 1.0;
  const auto [middle, half] = wilson(*this);
  return std::min(1.0, middle + half);
}

nlohmann::json Share::json() const {
  if (of == 0) return {};
  return {{"value", value()}, {"low", low()}, {"high", high()}, {"of", of}};
}

std::size_t Assessment::wanted(std::size_t label) const {
  std::size_t sum = 0;
  for (std::size_t given = 0; given <= labels_; ++given) sum += count(label, given);
  return sum;
}

std::size_t Assessment::given(std::size_t label) const {
  std::size_t sum = 0;
  for (std::size_t wanted = 0; wanted < labels_; ++wanted) sum += count(wanted, label);
  return sum;
}

Share Assessment::accuracy() const {
  Share share;
  for (std::size_t label = 0; label < labels_; ++label) {
    share.hits += count(label, label);
    share.of += wanted(label);
  }
  return share;
}

double Assessment::f1(std::size_t label) const {
  const std::size_t either = wanted(label) + given(label);
  return either == 0 ? 0.0 : 2.0 * static_cast<double>(count(label, label)) / static_cast<double>(either);
}

double Assessment::macro_f1() const {
  double sum = 0.0;
  std::size_t there = 0;
  for (std::size_t label = 0; label < labels_; ++label) {
    if (wanted(label) == 0) continue;
    sum += f1(label);
    ++there;
  }
  return there == 0 ? 0.0 : sum / static_cast<double>(there);
}

nlohmann::ordered_json assessment_json(const Assessment& assessment, std::span<const std::string> names) {
  nlohmann::ordered_json labels = nlohmann::ordered_json::array(), counts = nlohmann::ordered_json::array();
  for (std::size_t label = 0; label < names.size(); ++label) {
    labels.push_back({{"label", names[label]},
                      {"rows", assessment.wanted(label)},
                      {"precision", assessment.precision(label).json()},
                      {"recall", assessment.recall(label).json()},
                      {"f1", assessment.f1(label)}});
    nlohmann::ordered_json row = nlohmann::ordered_json::array();
    for (std::size_t given = 0; given <= names.size(); ++given) row.push_back(assessment.count(label, given));
    counts.push_back(row);
  }
  const Share accuracy = assessment.accuracy();
  return {{"rows", accuracy.of}, {"accuracy", accuracy.json()}, {"macro_f1", assessment.macro_f1()}, {"labels", labels}, {"confusion", counts}};
}

std::string assessment_table(const Assessment& assessment, std::span<const std::string> names) {
  int width = 6;
  for (const std::string& name : names) width = std::max(width, std::min(32, display_width(name)));
  const auto cell = [](const std::string& text, int columns) { return pad_right(text, columns) + "  "; };
  std::string out = "accuracy " + percent(assessment.accuracy()) + ", macro-F1 " + fixed(100 * assessment.macro_f1(), 1) + "%, " +
                    std::to_string(assessment.accuracy().of) + " rows\n\n" + cell("", width) + cell("rows", 6) + cell("recall (95%)", 16) +
                    cell("precision (95%)", 16) + "F1\n";
  for (std::size_t label = 0; label < names.size(); ++label)
    out += cell(one_line(names[label], width), width) + cell(std::to_string(assessment.wanted(label)), 6) + cell(percent(assessment.recall(label)), 16) +
           cell(percent(assessment.precision(label)), 16) + fixed(100 * assessment.f1(label), 1) + "%\n";
  if (names.size() > kShownMatrix) return out;
  out += "\n" + cell("wanted", width);
  for (std::size_t label = 0; label < names.size(); ++label) out += cell("as " + one_line(names[label], 12), 10);
  out += "none\n";
  for (std::size_t label = 0; label < names.size(); ++label) {
    out += cell(one_line(names[label], width), width);
    for (std::size_t given = 0; given <= names.size(); ++given)
      out += given == names.size() ? std::to_string(assessment.count(label, given))
                                   : cell(std::to_string(assessment.count(label, given)), std::max(10, display_width("as " + one_line(names[given], 12))));
    out += "\n";
  }
  return out;
}

}  // namespace berth::cli
