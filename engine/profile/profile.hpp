// What a profile says: labels known by examples, rules, thresholds, and what happens without the model. Read and checked; nothing is computed yet.
// docs/triage.md describes the file, docs/profile.schema.json its form.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/long_text.hpp"

namespace berth::engine {

// How the similarities of a text to the examples of a label become the label's score.
enum class Combine { max, mean_top_k, centroid };
std::string_view name(Combine combine);
// base::Error{invalid_argument} listing the names: "max", "mean-top-k", "centroid".
Combine combine_by_name(std::string_view name);

inline constexpr std::size_t kDefaultTopK = 3;
inline constexpr std::size_t kMaxTopK = 1000;
inline constexpr float kDefaultThreshold = 0.5F;

struct LabelSpec {
  std::string name;
  std::vector<std::string> examples;  // may be none: then only rules and the default give the label
  Combine combine = Combine::max;
  std::size_t k = kDefaultTopK;  // of mean_top_k; fewer where there are fewer examples
  float threshold = kDefaultThreshold;
  int priority = 0;
};

enum class RuleAction {
  set,      // the label, whatever the model says
  raise,    // at least this label: it replaces one of lower priority
  exclude,  // never this label by the model
};
std::string_view name(RuleAction action);

struct RuleSpec {
  std::string name;
  RuleAction action = RuleAction::set;
  std::size_t label = 0;  // index of ProfileSpec::labels
  std::vector<std::string> phrases;
  std::vector<std::string> patterns;
};

struct ProfileSpec {
  std::filesystem::path file;
  std::filesystem::path model;  // directory
  std::string precision = "fp32";
  std::string prompt;          // put before every text; "" keeps the model's default out where has_prompt says so
  std::string example_prompt;  // put before every example
  bool has_prompt = false;
  bool has_example_prompt = false;
  std::size_t max_length = 0;
  LongText long_text = LongText::truncate;
  std::vector<LabelSpec> labels;                           // by name
  std::vector<RuleSpec> rules;                             // in the file's order
  std::optional<std::size_t> default_label;                // where no label reaches its threshold
  std::optional<std::size_t> default_label_without_model;  // likewise, when only the rules decide; absent: default_label
  bool rules_only_without_model = false;                   // false: what makes the model unavailable is an error

  std::size_t examples() const noexcept;
};

// base::Error: not_found; corrupt_file that lists every mistake, each with its line and field ("profile.json: 2 mistakes\n  line 4: labels.a.threshold: ...").
// Names of files in the profile are relative to its folder.
ProfileSpec read_profile(const std::filesystem::path& file);
// The same of a text; `file` is what messages call it, and where names are relative to.
ProfileSpec parse_profile(std::string_view text, const std::filesystem::path& file);

}  // namespace berth::engine
