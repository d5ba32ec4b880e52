#include "apps/cli/tuning.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "apps/cli/errors.hpp"
#include "apps/cli/option_checks.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kSharedCandidates = 60;
constexpr std::size_t kLabelCandidates = 40;
constexpr int kPasses = 2;

// As a profile writes it: what is tuned is what is used.
float rounded(double threshold) { return static_cast<float>(std::round(std::clamp(threshold, -1.0, 1.0) * 1e4) / 1e4); }

std::vector<float> thinned(std::vector<float> values, std::size_t most) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() <= most) return values;
  std::vector<float> kept;
  for (std::size_t i = 0; i < most; ++i) kept.push_back(values[i * (values.size() - 1) / (most - 1)]);
  return kept;
}

}  // namespace

Target parse_target(const std::string& text, std::span<const std::string> names) {
  Target target;
  if (text == "macro-f1") return target;
  constexpr std::string_view kRecall = "recall:";
  const auto wrong = [&](const std::string& what) { return UsageError("--target: expected macro-f1 or recall:LABEL=SHARE,..., " + what); };
  if (!text.starts_with(kRecall)) throw wrong("got \"" + text + "\"");
  for (const std::string& part : split_list(text.substr(kRecall.size()))) {
    const std::size_t equals = part.rfind('=');
    if (equals == std::string::npos) throw wrong("got \"" + part + "\"");
    const auto found = std::find(names.begin(), names.end(), part.substr(0, equals));
    if (found == names.end()) throw wrong("and \"" + part.substr(0, equals) + "\" is none of the labels");
    double share = 0;
    const auto [end, error] = std::from_chars(part.data() + equals + 1, part.data() + part.size(), share);
    if (error != std::errc() || end != part.data() + part.size() || !(share > 0 && share <= 1))
      throw wrong("with a share above 0 and up to 1, got \"" + part + "\"");
    target.recalls[static_cast<std::size_t>(found - names.begin())] = share;
  }
  if (target.recalls.empty()) throw wrong("got no label");
  return target;
}

std::vector<std::size_t> given_labels(const Decisions& decisions, const std::unordered_map<std::string_view, std::size_t>& index) {
  std::vector<std::size_t> given;
  given.reserve(decisions.size());
  for (std::size_t row = 0; row < decisions.size(); ++row) {
    const auto found = index.find(decisions.label(row));
    given.push_back(found == index.end() ? index.size() : found->second);
  }
  return given;
}

Tuner::Tuner(std::vector<Variant> variants, std::vector<std::string> names, std::vector<std::size_t> wanted, std::vector<bool> fixed, Target target, bool each)
    : variants_(std::move(variants)), names_(std::move(names)), wanted_(std::move(wanted)), fixed_(std::move(fixed)), target_(std::move(target)), each_(each) {
  for (std::size_t label = 0; label < names_.size(); ++label) index_.emplace(names_[label], label);
}

bool Tuner::Quality::better_than(const Quality& other) const {
  constexpr double kSame = 1e-12;
  if (std::abs(shortfall - other.shortfall) > kSame) return shortfall < other.shortfall;
  if (std::abs(precision - other.precision) > kSame) return precision > other.precision;
  return f1 > other.f1 + kSame;
}

Tuner::Quality Tuner::quality(std::size_t variant, const std::vector<float>& thresholds, const std::vector<bool>& use) const {
  const auto labels = given_labels(variants_[variant].decisions.decide(thresholds), index_);
  Assessment assessment(names_.size());
  for (std::size_t row = 0; row < labels.size(); ++row)
    if (use[row]) assessment.add(wanted_[row], labels[row]);
  Quality quality;
  quality.f1 = assessment.macro_f1();
  for (const auto& [label, recall] : target_.recalls) {
    if (assessment.wanted(label) > 0) quality.shortfall += std::max(0.0, recall - assessment.recall(label).value());
    quality.precision += assessment.precision(label).value();
  }
  return quality;
}

std::vector<float> Tuner::shared_candidates(std::size_t variant, const std::vector<bool>& use) const {
  std::vector<float> values = {-1.0F};
  for (std::size_t row = 0; row < wanted_.size(); ++row) {
    if (!use[row]) continue;
    float best = -1.0F;
    for (const float score : variants_[variant].decisions.scores(row))
      if (score > best) best = score;
    values.push_back(rounded(static_cast<double>(best)));
  }
  return thinned(std::move(values), kSharedCandidates);
}

// Thresholds in the middle between the score of a row that shall have the label and the next score below it; and one above all.
std::vector<float> Tuner::candidates(std::size_t variant, std::size_t label, const std::vector<bool>& use) const {
  std::vector<std::pair<float, bool>> scores;
  for (std::size_t row = 0; row < wanted_.size(); ++row)
    if (use[row] && !std::isnan(variants_[variant].decisions.scores(row)[label]))
      scores.emplace_back(variants_[variant].decisions.scores(row)[label], wanted_[row] == label);
  std::sort(scores.begin(), scores.end());
  std::vector<float> values;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i].second) values.push_back(rounded(i == 0 ? -1.0 : (static_cast<double>(scores[i].first) + static_cast<double>(scores[i - 1].first)) / 2));
  values = thinned(std::move(values), kLabelCandidates);
  values.push_back(1.0F);
  return values;
}

// One threshold after the other, the others as they are.
void Tuner::refine(Tuned& tuned, Quality& best, const std::vector<bool>& use) const {
  for (int pass = 0; pass < kPasses; ++pass)
    for (std::size_t label = 0; label < names_.size(); ++label) {
      if (fixed_[label]) continue;
      std::vector<float> thresholds = tuned.thresholds;
      for (const float candidate : candidates(tuned.variant, label, use)) {
        thresholds[label] = candidate;
        const Quality found = quality(tuned.variant, thresholds, use);
        if (!found.better_than(best)) continue;
        best = found;
        tuned.thresholds = thresholds;
      }
    }
}

Tuned Tuner::tune(const std::vector<bool>& use) const {
  Tuned tuned;
  Quality best;
  for (std::size_t variant = 0; variant < variants_.size(); ++variant)
    for (const float candidate : shared_candidates(variant, use)) {
      const std::vector<float> thresholds(names_.size(), candidate);
      const Quality found = quality(variant, thresholds, use);
      if (!tuned.thresholds.empty() && !found.better_than(best)) continue;
      best = found;
      tuned = {variant, thresholds};
    }
  if (each_) refine(tuned, best, use);
  return tuned;
}

std::vector<std::size_t> Tuner::given(const Tuned& tuned) const { return given_labels(variants_[tuned.variant].decisions.decide(tuned.thresholds), index_); }

std::vector<std::size_t> Tuner::cross_validate(std::size_t folds, std::uint64_t seed) const {
  std::vector<std::size_t> order(wanted_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(random() % i)]);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return wanted_[a] < wanted_[b]; });
  std::vector<std::size_t> fold(wanted_.size());
  for (std::size_t i = 0; i < order.size(); ++i) fold[order[i]] = i % folds;

  std::vector<std::size_t> result(wanted_.size());
  for (std::size_t out = 0; out < folds; ++out) {
    std::vector<bool> use;
    for (const std::size_t own : fold) use.push_back(own != out);
    const auto labels = given(tune(use));
    for (std::size_t row = 0; row < fold.size(); ++row)
      if (fold[row] == out) result[row] = labels[row];
  }
  return result;
}

}  // namespace berth::cli
