#include "apps/cli/report.hpp"

#include <algorithm>

#include "apps/cli/people.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kMatrixLabels = 60;  // more than this, and cells can no longer be read
constexpr std::size_t kConfusions = 40;    // shown instead
constexpr int kCurveSize = 160;            // pixels

constexpr const char* kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.2em .6em;border-bottom:1px solid #ddd;text-align:right;vertical-align:top}td:first-child,th:first-child,td.t,th.t{text-align:left}"
    "th.v{writing-mode:vertical-rl;transform:rotate(180deg)}figure{display:inline-block;margin:.5em 1em .5em 0}figcaption{font-size:13px}"
    "svg{background:#fafafa;border:1px solid #ddd}.miss{background:#fdecea}.note{color:#555}";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

std::string cell(const std::string& content, const char* attributes = "") { return std::string("<td") + attributes + ">" + content + "</td>"; }

std::string share(const Share& value) {
  if (value.of == 0) return "-";
  return fixed(100 * value.value(), 1) + "% <small>(" + fixed(100 * value.low(), 1) + "-" + fixed(100 * value.high(), 1) + ")</small>";
}

std::string label_table(const Assessment& assessment, std::span<const std::string> names) {
  std::string out = "<table><tr><th>label</th><th>rows</th><th>recall (95%)</th><th>precision (95%)</th><th>F1</th></tr>\n";
  for (std::size_t label = 0; label < names.size(); ++label)
    out += "<tr>" + cell(escaped(names[label])) + cell(std::to_string(assessment.wanted(label))) + cell(share(assessment.recall(label))) +
           cell(share(assessment.precision(label))) + cell(fixed(100 * assessment.f1(label), 1) + "%") + "</tr>\n";
  return out + "</table>\n";
}

std::string matrix(const Assessment& assessment, std::span<const std::string> names) {
  std::string out = "<table><tr><th>wanted \\ given</th>";
  for (const std::string& name : names) out += "<th class=\"v\">" + escaped(name) + "</th>";
  out += "<th class=\"v\">none</th></tr>\n";
  for (std::size_t wanted = 0; wanted < names.size(); ++wanted) {
    out += "<tr>" + cell(escaped(names[wanted]));
    const double rows = std::max<double>(1.0, static_cast<double>(assessment.wanted(wanted)));
    for (std::size_t given = 0; given <= names.size(); ++given) {
      const std::size_t count = assessment.count(wanted, given);
      const std::string strength = fixed(0.75 * static_cast<double>(count) / rows, 2);
      const std::string colour = wanted == given ? "rgba(46,125,50," : "rgba(198,40,40,";
      out += cell(count == 0 ? "" : std::to_string(count), count == 0 ? "" : (" style=\"background:" + colour + strength + ")\"").c_str());
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

std::string confusions(const Assessment& assessment, std::span<const std::string> names) {
  struct Pair {
    std::size_t wanted, given, count;
  };
  std::vector<Pair> pairs;
  for (std::size_t wanted = 0; wanted < names.size(); ++wanted)
    for (std::size_t given = 0; given <= names.size(); ++given)
      if (wanted != given && assessment.count(wanted, given) > 0) pairs.push_back({wanted, given, assessment.count(wanted, given)});
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.count > b.count; });
  std::string out = "<p class=\"note\">The most frequent confusions.</p><table><tr><th>wanted</th><th class=\"t\">given</th><th>rows</th></tr>\n";
  for (std::size_t i = 0; i < std::min(kConfusions, pairs.size()); ++i)
    out += "<tr>" + cell(escaped(names[pairs[i].wanted])) + cell(pairs[i].given == names.size() ? "none" : escaped(names[pairs[i].given]), " class=\"t\"") +
           cell(std::to_string(pairs[i].count)) + "</tr>\n";
  return out + "</table>\n";
}

// Precision over recall as the threshold falls; a dot where the profile's threshold is.
std::string curve(const LabelCurve& label, const std::string& name) {
  auto scores = label.scores;
  std::sort(scores.begin(), scores.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto wanted = static_cast<std::size_t>(std::count_if(scores.begin(), scores.end(), [](const auto& score) { return score.second; }));
  if (wanted == 0) return "";
  const auto x = [](double value) { return fixed(4 + value * (kCurveSize - 8), 1); };
  const auto y = [](double value) { return fixed(kCurveSize - 4 - value * (kCurveSize - 8), 1); };
  std::string points, dot;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    hits += scores[i].second ? 1 : 0;
    const bool last = i + 1 == scores.size();
    if (!last && scores[i + 1].first == scores[i].first) continue;
    const double recall = static_cast<double>(hits) / static_cast<double>(wanted), precision = static_cast<double>(hits) / static_cast<double>(i + 1);
    points += x(recall) + "," + y(precision) + " ";
    if (scores[i].first >= label.threshold && (last || scores[i + 1].first < label.threshold))
      dot = "<circle cx=\"" + x(recall) + "\" cy=\"" + y(precision) + "\" r=\"4\" fill=\"#c62828\"><title>threshold " +
            fixed(static_cast<double>(label.threshold), 4) + ": recall " + fixed(recall, 3) + ", precision " + fixed(precision, 3) + "</title></circle>";
  }
  const std::string size = std::to_string(kCurveSize);
  return "<figure><svg width=\"" + size + "\" height=\"" + size + "\" viewBox=\"0 0 " + size + " " + size +
         "\"><polyline fill=\"none\" stroke=\"#1565c0\" stroke-width=\"1.5\" points=\"" + points + "\"/>" + dot + "</svg><figcaption>" + escaped(name) +
         "</figcaption></figure>\n";
}

std::string error_table(std::span<const LabelError> errors) {
  std::string out =
      "<table><tr><th>wanted</th><th class=\"t\">given</th><th class=\"t\">by</th><th>score</th><th class=\"t\">text</th><th class=\"t\">nearest "
      "example</th><th class=\"t\">where</th></tr>\n";
  for (const LabelError& error : errors)
    out += std::string(error.missed ? "<tr class=\"miss\">" : "<tr>") + cell(escaped(error.wanted)) + cell(escaped(error.given), " class=\"t\"") +
           cell(escaped(error.decided_by + (error.rule.empty() ? "" : ": " + error.rule)), " class=\"t\"") + cell(fixed(error.score, 3)) +
           cell(escaped(error.text), " class=\"t\"") + cell(escaped(error.nearest), " class=\"t\"") + cell(escaped(error.where), " class=\"t\"") + "</tr>\n";
  return out + "</table>\n";
}

}  // namespace

std::string html_report(const std::string& title, const std::string& note, const Assessment& assessment, std::span<const std::string> names,
                        std::span<const LabelCurve> curves, std::span<const LabelError> errors) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) + "</title><style>" + kStyle +
                    "</style></head><body>\n<h1>" + escaped(title) + "</h1>\n<p class=\"note\">" + escaped(note) + "</p>\n<p>Accuracy " +
                    share(assessment.accuracy()) + ", macro-F1 " + fixed(100 * assessment.macro_f1(), 1) + "%, " + std::to_string(assessment.accuracy().of) +
                    " rows. Shares are followed by their 95% intervals (Wilson).</p>\n";
  out += "<h2>Labels</h2>\n" + label_table(assessment, names) + "<h2>Confusion</h2>\n" +
         (names.size() > kMatrixLabels ? confusions(assessment, names) : matrix(assessment, names));
  out +=
      "<h2>Precision over recall</h2>\n<p class=\"note\">Of the model's scores alone, without rules and priorities, as the threshold falls; the dot is the "
      "profile's threshold.</p>\n";
  for (const LabelCurve& label : curves) out += curve(label, names[label.label]);
  out += "<h2>Worst errors</h2>\n<p class=\"note\">First those where the wanted label has the higher priority (shaded).</p>\n" + error_table(errors);
  return out + "</body></html>\n";
}

}  // namespace berth::cli
