#include "engine/profile/decisions.hpp"

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace berth::engine {

namespace {

Decision decide_row(const Evidence& evidence, std::span<const float> thresholds, std::size_t row) {
  const ProfileSpec* profile = evidence.profile.get();
  const auto& [scores, similarity, model, hits] = std::tie(evidence.scores, evidence.similarity, evidence.model, evidence.hits);
  const std::vector<LabelSpec>& specs = profile->labels;
  const float* own = scores.data() + row * specs.size();
  std::vector<bool> excluded(specs.size(), false);
  for (const RuleHit& hit : hits[row])
    if (profile->rules[hit.rule].action == RuleAction::exclude) excluded[profile->rules[hit.rule].label] = true;

  Decision decision;
  for (std::size_t label = 0; label < specs.size(); ++label) {
    if (excluded[label] || !(own[label] >= thresholds[label])) continue;
    const bool first = decision.label == kNone;
    const bool better = !first && (specs[label].priority != specs[decision.label].priority ? specs[label].priority > specs[decision.label].priority
                                                                                           : own[label] > own[decision.label]);
    if (first || better) decision.label = label;
  }
  if (decision.label != kNone) {
    decision.by = BERTH_BY_MODEL;
  } else {
    const auto fallback = model[row] == 0 && profile->default_label_without_model ? profile->default_label_without_model : profile->default_label;
    decision.label = fallback.value_or(kNone);
    decision.by = fallback ? BERTH_BY_DEFAULT : BERTH_BY_NOTHING;
  }

  if (!hits[row].empty()) decision.hit = 0;
  bool set = false;
  for (std::size_t i = 0; i < hits[row].size(); ++i) {
    const RuleSpec& rule = profile->rules[hits[row][i].rule];
    if (rule.action != RuleAction::set || set) continue;
    set = true;
    decision.label = rule.label;
    decision.by = BERTH_BY_RULE;
    decision.hit = i;
  }
  for (std::size_t i = 0; i < hits[row].size(); ++i) {
    const RuleSpec& rule = profile->rules[hits[row][i].rule];
    if (rule.action != RuleAction::raise) continue;
    const bool chosen = decision.by == BERTH_BY_MODEL || decision.by == BERTH_BY_RULE;
    const int now = decision.label == kNone ? std::numeric_limits<int>::min() : specs[decision.label].priority;
    if (specs[rule.label].priority < now || (chosen && specs[rule.label].priority == now)) continue;
    decision.label = rule.label;
    decision.by = BERTH_BY_RULE;
    decision.hit = i;
  }
  if (decision.hit != kNone) decision.rule = hits[row][decision.hit].rule;

  // The nearest example of the label that the model chose; else the nearest of all.
  if (decision.by == BERTH_BY_MODEL) {
    decision.nearest_label = decision.label;
  } else {
    const float* similarities = similarity.data() + row * specs.size();
    for (std::size_t label = 0; label < specs.size(); ++label)
      if (!std::isnan(similarities[label]) && (decision.nearest_label == kNone || similarities[label] > similarities[decision.nearest_label]))
        decision.nearest_label = label;
  }
  return decision;
}

}  // namespace

void Evidence::resize(std::size_t rows) {
  constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();
  scores.assign(rows * labels(), kNothing);
  similarity.assign(rows * labels(), kNothing);
  nearest.assign(rows * labels(), 0);
  model.assign(rows, 0);
  hits.assign(rows, {});
}

Decisions decide(std::shared_ptr<const Evidence> evidence, std::span<const float> thresholds) {
  Decisions decisions{.evidence = std::move(evidence), .thresholds = {thresholds.begin(), thresholds.end()}, .items = {}};
  decisions.items.reserve(decisions.evidence->rows());
  for (std::size_t row = 0; row < decisions.evidence->rows(); ++row) decisions.items.push_back(decide_row(*decisions.evidence, thresholds, row));
  return decisions;
}

}  // namespace berth::engine
