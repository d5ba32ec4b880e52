#include "apps/server/drift.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <stdexcept>

#include "apps/server/metrics.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::server {
namespace {

using base::Json;

template <std::size_t kSize>
void read_counts(const base::JsonObject& object, const char* key, std::array<std::uint64_t, kSize>& counts) {
  const Json* list = object.find(key);
  if (list == nullptr || !list->is_array() || list->size() != kSize) object.fail(key, "expected an array of " + std::to_string(kSize) + " counts");
  for (std::size_t i = 0; i < kSize; ++i) {
    if (!(*list)[i].is_number_unsigned()) object.fail(key, "expected counts");
    counts[i] = (*list)[i].get<std::uint64_t>();
  }
}

Distribution read_distribution(const base::JsonObject& object) {
  Distribution result;
  const base::JsonObject labels = object.object("labels");
  for (const auto& [label, count] : labels.json().items()) {
    if (!count.is_number_unsigned()) labels.fail(label.c_str(), "expected a count");
    result.labels[label] = count.get<std::uint64_t>();
  }
  read_counts(object, "scores", result.scores);
  read_counts(object, "lengths", result.lengths);
  return result;
}

template <class Counts>
std::vector<std::uint64_t> list(const Counts& counts) {
  return {counts.begin(), counts.end()};
}

// How often each label of either was the best, in one order.
std::pair<std::vector<std::uint64_t>, std::vector<std::uint64_t>> aligned(const Distribution& a, const Distribution& b) {
  std::set<std::string> names;
  for (const auto* each : {&a, &b})
    for (const auto& label : each->labels) names.insert(label.first);
  std::pair<std::vector<std::uint64_t>, std::vector<std::uint64_t>> counts;
  const auto count = [](const Distribution& from, const std::string& name) {
    const auto found = from.labels.find(name);
    return found == from.labels.end() ? std::uint64_t{0} : found->second;
  };
  for (const std::string& name : names) {
    counts.first.push_back(count(a, name));
    counts.second.push_back(count(b, name));
  }
  return counts;
}

}  // namespace

double stability_index(const std::vector<std::uint64_t>& counts, const std::vector<std::uint64_t>& baseline) {
  const auto total = [](const std::vector<std::uint64_t>& from) {
    double sum = 0;
    for (const std::uint64_t count : from) sum += static_cast<double>(count) + 0.5;
    return sum;
  };
  const double all = total(counts), before = total(baseline);
  double index = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double now = (static_cast<double>(counts[i]) + 0.5) / all, then = (static_cast<double>(baseline[i]) + 0.5) / before;
    index += (now - then) * std::log(now / then);
  }
  return index;
}

Drift::Drift(const std::string& path) {
  if (path.empty()) return;
  try {
    const Json document = base::read_json_file(path);
    const base::JsonObject models = base::JsonObject(document, path).object("models");
    for (const auto& [name, value] : models.json().items()) stored_[name] = read_distribution(models.object(name.c_str()));
  } catch (const base::Error& error) {
    throw std::runtime_error(error.what());
  }
}

void Drift::observe(const Job& job) {
  const std::lock_guard lock(mutex_);
  Distribution& seen = seen_[job.lane.model->name];
  for (const Item& item : job.items) {
    seen.length_sum += item.tokens;
    const auto bucket = static_cast<std::size_t>(std::bit_width(item.tokens == 0 ? 0U : item.tokens - 1));
    ++seen.lengths[std::min(bucket, Distribution::kLengths - 1)];
    observe(seen, job, item);
  }
}

void Drift::observe(Distribution& seen, const Job& job, const Item& item) {
  const Result& result = item.result;
  if (job.lane.task == Task::profile) {
    ++seen.labels[result.label];
    ++seen.decisions[{result.decided_by, result.model}];
  } else if (job.lane.task == Task::classify && !result.values.empty()) {
    const auto best = std::max_element(result.values.begin(), result.values.end());
    ++seen.labels[job.lane.model->labels[static_cast<std::size_t>(best - result.values.begin())]];
  } else {
    return;
  }
  if (job.lane.raw_scores || result.values.empty()) return;
  const float score = *std::max_element(result.values.begin(), result.values.end());
  seen.score_sum += static_cast<double>(score);
  ++seen.scores[std::min(static_cast<std::size_t>(std::max(0.0F, score) * Distribution::kScores), Distribution::kScores - 1)];
}

void Drift::render(std::string& out) const {
  const std::lock_guard lock(mutex_);
  out += "# HELP berth_label_total Inputs by their best label; empty: none\n# TYPE berth_label_total counter\n";
  for (const auto& [model, seen] : seen_)
    for (const auto& [label, count] : seen.labels)
      append_sample(out, "berth_label_total", "model=" + label_value(model) + ",label=" + label_value(label), count);
  out += "# HELP berth_decisions_total Answers of profiles, by what decided; model=false: without the model\n# TYPE berth_decisions_total counter\n";
  for (const auto& [model, seen] : seen_)
    for (const auto& [how, count] : seen.decisions)
      append_sample(out, "berth_decisions_total",
                    "profile=" + label_value(model) + ",decided_by=" + label_value(how.first) + (how.second ? ",model=\"true\"" : ",model=\"false\""), count);
  const auto histogram = [&](const std::string& name, const char* help, const auto& counts_of, const auto& sum_of, const auto& bound_of) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" histogram\n");
    for (const auto& [model, seen] : seen_) {
      const auto& counts = counts_of(seen);
      std::uint64_t all = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        all += counts[i];
        append_sample(out, name + "_bucket", "model=" + label_value(model) + ",le=\"" + (i + 1 == counts.size() ? "+Inf" : bound_of(i)) + "\"", all);
      }
      append_sample(out, name + "_sum", "model=" + label_value(model), sum_of(seen));
      append_sample(out, name + "_count", "model=" + label_value(model), all);
    }
  };
  histogram(
      "berth_best_score", "Score of an input's best label", [](const Distribution& seen) -> const auto& { return seen.scores; },
      [](const Distribution& seen) { return seen.score_sum; }, [](std::size_t i) { return "0." + std::to_string(i + 1); });
  histogram(
      "berth_input_tokens", "Tokens of an input", [](const Distribution& seen) -> const auto& { return seen.lengths; },
      [](const Distribution& seen) { return seen.length_sum; }, [](std::size_t i) { return std::to_string(std::size_t{1} << i); });
  if (stored_.empty()) return;
  out += "# HELP berth_drift Population stability index against --baseline: 0 is the same\n# TYPE berth_drift gauge\n";
  for (const auto& [model, stored] : stored_) {
    const auto found = seen_.find(model);
    if (found == seen_.end()) continue;
    const auto labels = aligned(found->second, stored);
    const std::string name = "model=" + label_value(model) + ",of=";
    append_sample(out, "berth_drift", name + "\"labels\"", stability_index(labels.first, labels.second));
    append_sample(out, "berth_drift", name + "\"scores\"", stability_index(list(found->second.scores), list(stored.scores)));
    append_sample(out, "berth_drift", name + "\"lengths\"", stability_index(list(found->second.lengths), list(stored.lengths)));
  }
}

std::string Drift::baseline() const {
  const std::lock_guard lock(mutex_);
  nlohmann::ordered_json models = nlohmann::ordered_json::object();
  for (const auto& [model, seen] : seen_) models[model] = {{"labels", seen.labels}, {"scores", seen.scores}, {"lengths", seen.lengths}};
  return base::dump(nlohmann::ordered_json{{"models", models}});
}

}  // namespace berth::server
