// The classifiers of include/berth/berth.h.
#include <cmath>
#include <utility>
#include <vector>

#include "engine/c_api_support.hpp"
#include "engine/profile/classifier.hpp"

using namespace berth::engine::c_api;  // NOLINT: they were made for this file
using berth::engine::Decision;
using berth::engine::kNone;

struct berth_classifier : HandleOf<HandleKind::classifier> {
  std::unique_ptr<const berth::engine::Classifier> classifier;
};

struct berth_decisions : HandleOf<HandleKind::decisions> {
  berth::engine::Decisions decisions;
  std::vector<berth_decision> items;  // view into `decisions`
};

namespace {

berth_string view(const std::string& text) { return {text.data(), text.size()}; }

berth_decision item_of(const berth::engine::Decisions& decisions, std::size_t row) {
  const Decision& decision = decisions.items[row];
  const berth::engine::Evidence& evidence = *decisions.evidence;
  const auto& profile = *evidence.profile;
  const std::size_t at = row * evidence.labels();
  berth_decision item{};
  item.decided_by = static_cast<std::uint32_t>(decision.by);
  item.model = evidence.model[row];
  if (decision.label != kNone) {
    item.label = view(profile.labels[decision.label].name);
    const float score = evidence.scores[at + decision.label];
    if (!std::isnan(score)) {
      item.has_score = 1;
      item.score = score;
      item.margin = score - decisions.thresholds[decision.label];
    }
  }
  if (decision.nearest_label != kNone) {
    const auto& label = profile.labels[decision.nearest_label];
    item.nearest = view(label.examples[evidence.nearest[at + decision.nearest_label]]);
    item.nearest_label = view(label.name);
    item.similarity = evidence.similarity[at + decision.nearest_label];
  }
  if (decision.rule != kNone) {
    item.rule = view(profile.rules[decision.rule].name);
    item.rule_match = view(evidence.hits[row][decision.hit].match);
  }
  return item;
}

std::unique_ptr<berth_decisions> handle_of(berth::engine::Decisions decisions) {
  auto handle = std::make_unique<berth_decisions>();
  handle->decisions = std::move(decisions);
  for (std::size_t row = 0; row < handle->decisions.items.size(); ++row) handle->items.push_back(item_of(handle->decisions, row));
  return handle;
}

}  // namespace

extern "C" {

berth_status berth_profile_check(const char* profile) {
  return guarded([&] {
    require(profile != nullptr, "profile is NULL");
    static_cast<void>(berth::engine::read_profile(profile));
  });
}

berth_status berth_classifier_load(const char* profile, const berth_classifier_options* options, berth_classifier** classifier) {
  return guarded([&] {
    require(profile != nullptr, "profile is NULL");
    require(classifier != nullptr, "classifier is NULL");
    const berth_classifier_options given = read_options(options, "berth_classifier_options");
    berth::engine::ClassifierOptions how;
    if (given.model != nullptr) how.model = given.model;
    how.load.threads = given.threads;
    how.load.mmap = given.no_mmap == 0;
    how.load.precision = given.precision == nullptr ? "" : given.precision;
    if (given.isa != nullptr) how.load.isa = given.isa;
    how.batch_tokens = given.batch_tokens;
    how.cache = given.no_cache == 0;
    how.rules_only = given.rules_only != 0;
    if (given.combine != nullptr) how.combine = berth::engine::combine_by_name(given.combine);
    require(given.k <= berth::engine::kMaxTopK, "k: expected at most 1000");
    how.k = given.k;
    auto handle = std::make_unique<berth_classifier>();
    handle->classifier = berth::engine::Classifier::load(profile, how);
    *classifier = handle.release();
  });
}

berth_status berth_classifier_free(berth_classifier* classifier) { return release(classifier); }

const char* berth_classifier_info(const berth_classifier* classifier) { return alive(classifier) ? classifier->classifier->info().c_str() : "{}"; }
size_t berth_classifier_num_labels(const berth_classifier* classifier) { return alive(classifier) ? classifier->classifier->profile()->labels.size() : 0; }

const char* berth_classifier_label(const berth_classifier* classifier, size_t index) {
  if (!alive(classifier) || index >= classifier->classifier->profile()->labels.size()) return nullptr;
  return classifier->classifier->profile()->labels[index].name.c_str();
}

berth_status berth_classifier_run(const berth_classifier* classifier, const berth_input* inputs, size_t count, berth_decisions** decisions, berth_row* rows) {
  return guarded(classifier, [&] {
    require(inputs != nullptr || count == 0, "inputs is NULL");
    require(decisions != nullptr, "decisions is NULL");
    *decisions = handle_of(classifier->classifier->run({inputs, count}, rows)).release();
  });
}

const berth_decision* berth_decisions_get(const berth_decisions* decisions, size_t index) {
  return alive(decisions) && index < decisions->items.size() ? &decisions->items[index] : nullptr;
}

const float* berth_decisions_scores(const berth_decisions* decisions, size_t index, size_t* labels) {
  if (labels != nullptr) *labels = 0;
  if (!alive(decisions) || index >= decisions->items.size()) return nullptr;
  const berth::engine::Evidence& evidence = *decisions->decisions.evidence;
  if (labels != nullptr) *labels = evidence.labels();
  return evidence.scores.data() + index * evidence.labels();
}

berth_status berth_decisions_decide(const berth_decisions* decisions, const float* thresholds, berth_decisions** decided) {
  return guarded(decisions, [&] {
    require(thresholds != nullptr, "thresholds is NULL");
    require(decided != nullptr, "decided is NULL");
    const auto& evidence = decisions->decisions.evidence;
    *decided = handle_of(berth::engine::decide(evidence, {thresholds, evidence->labels()})).release();
  });
}

berth_status berth_decisions_free(berth_decisions* decisions) { return release(decisions); }

}  // extern "C"
