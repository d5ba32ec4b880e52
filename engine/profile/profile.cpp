#include "engine/profile/profile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/byte_order_mark.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "engine/profile/json_lines.hpp"
#include "engine/profile/rules.hpp"

namespace berth::engine {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxShown = 1000;
constexpr std::size_t kMaxMessageBytes = 64 << 10;
constexpr std::int64_t kMaxPriority = 1'000'000;

constexpr std::array<std::pair<std::string_view, Combine>, 3> kCombines = {
    {{"max", Combine::max}, {"mean-top-k", Combine::mean_top_k}, {"centroid", Combine::centroid}}};
constexpr std::array<std::pair<std::string_view, RuleAction>, 3> kActions = {
    {{"set", RuleAction::set}, {"raise", RuleAction::raise}, {"exclude", RuleAction::exclude}}};

template <class Value, std::size_t kCount>
std::string_view name_of(const std::array<std::pair<std::string_view, Value>, kCount>& names, Value value) {
  for (const auto& [text, each] : names)
    if (each == value) return text;
  return {};
}

template <class Value, std::size_t kCount>
std::string listed(const std::array<std::pair<std::string_view, Value>, kCount>& names) {
  std::string list;
  for (std::size_t i = 0; i < kCount; ++i) list += (i == 0 ? "\"" : i + 1 == kCount ? " or \"" : ", \"") + std::string(names[i].first) + "\"";
  return list;
}

// Mistakes with their places.
class Mistakes {
 public:
  Mistakes(std::string label, JsonLines lines) : label_(std::move(label)), lines_(std::move(lines)) {}

  void add(const std::string& path, const std::string& problem) {
    if (++count_ > kMaxShown || message_.size() > kMaxMessageBytes) return;
    std::string known = path;
    while (!known.empty() && !lines_.contains(known)) {  // a field that is missing: where what it is missing in begins
      const std::size_t parent = known.find_last_of(".[");
      known.resize(parent == std::string::npos ? 0 : parent);
    }
    const auto line = lines_.find(known);
    ++shown_;
    message_ += "\n  line " + std::to_string(line == lines_.end() ? 1 : line->second) + ": " + (path.empty() ? "" : base::printable(path) + ": ") + problem;
  }
  void add(const std::string& path, const std::string& expected, const Json& got) { add(path, "expected " + expected + ", got " + base::describe(got)); }

  void throw_if_any() const {
    if (count_ == 0) return;
    if (count_ == 1) throw Error(ErrorCode::corrupt_file, label_ + ": " + message_.substr(3));
    std::string message = label_ + ": " + std::to_string(count_) + " mistakes" + message_;
    if (count_ > shown_) message += "\n  and " + std::to_string(count_ - shown_) + " more";
    throw Error(ErrorCode::corrupt_file, std::move(message));
  }

 private:
  std::string label_;
  JsonLines lines_;
  std::string message_;
  std::size_t count_ = 0;
  std::size_t shown_ = 0;
};

std::string joined(const std::string& path, std::string_view key) { return path.empty() ? std::string(key) : path + "." + std::string(key); }

// Fields of one object of the file. What is wrong is noted, and the field keeps its default.
class Fields {
 public:
  Fields(const Json& object, std::string path, Mistakes& mistakes) : object_(object), path_(std::move(path)), mistakes_(mistakes) {}

  const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string path(std::string_view key) const { return joined(path_, key); }
  Mistakes& mistakes() const { return mistakes_; }

  void allow(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      std::string list;
      for (const std::string_view known : keys) list += (list.empty() ? "" : ", ") + std::string(known);
      mistakes_.add(path(key), "there is no such field; there are " + list);
    }
  }

  bool string(const char* key, std::string& out, bool required = false) const {
    const Json* value = find(key);
    if (value == nullptr) {
      if (required) mistakes_.add(path(key), "is missing");
      return false;
    }
    if (!value->is_string() || (required && value->get_ref<const std::string&>().empty())) {
      mistakes_.add(path(key), required ? "a string that is not empty" : "a string", *value);
      return false;
    }
    out = value->get<std::string>();
    return true;
  }

  template <class Number>
  void number(const char* key, Number& out, double least, double most, const std::string& expected) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    const bool whole = std::is_integral_v<Number>;
    if ((whole ? !value->is_number_integer() : !value->is_number()) || !(value->get<double>() >= least && value->get<double>() <= most)) {
      mistakes_.add(path(key), expected, *value);
    } else {
      out = value->get<Number>();
    }
  }

  template <class Value, std::size_t kCount>
  void choice(const char* key, Value& out, const std::array<std::pair<std::string_view, Value>, kCount>& names, bool required = false) const {
    const Json* value = find(key);
    if (value == nullptr) {
      if (required) mistakes_.add(path(key), "is missing: expected " + listed(names));
      return;
    }
    for (const auto& [text, each] : names)
      if (*value == Json(text)) {
        out = each;
        return;
      }
    mistakes_.add(path(key), listed(names), *value);
  }

  // An array of strings that are not empty.
  std::vector<std::string> strings(const char* key) const {
    std::vector<std::string> result;
    const Json* value = find(key);
    if (value == nullptr) return result;
    if (!value->is_array()) mistakes_.add(path(key), "an array of strings", *value);
    for (std::size_t i = 0; value->is_array() && i < value->size(); ++i) {
      const Json& each = (*value)[i];
      if (each.is_string() && !each.get_ref<const std::string&>().empty()) {
        result.push_back(each.get<std::string>());
      } else {
        mistakes_.add(path(key) + "[" + std::to_string(i) + "]", "a string that is not empty", each);
      }
    }
    return result;
  }

 private:
  const Json& object_;
  std::string path_;
  Mistakes& mistakes_;
};

// Combination, threshold: a label's own, or the profile's for labels that have none.
void read_scoring(const Fields& fields, LabelSpec& label) {
  fields.choice("combine", label.combine, kCombines);
  fields.number("k", label.k, 1, static_cast<double>(kMaxTopK), "a whole number from 1 to " + std::to_string(kMaxTopK));
  fields.number("threshold", label.threshold, -1, 1, "a number from -1 to 1");
}

// A text on every line; blank lines are skipped.
std::vector<std::string> read_example_file(const fs::path& file, const std::string& path, Mistakes& mistakes) {
  std::vector<std::string> examples;
  try {
    const std::string text = base::read_file(file, kMaxFileBytes);
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size(); ++number) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = std::string_view(text).substr(begin, end - begin);
      begin = end + 1;
      if (number == 0) line = base::without_byte_order_mark(line);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (base::find_invalid_utf8(line) != std::string_view::npos) {
        mistakes.add(path, base::display(file) + ": line " + std::to_string(number + 1) + " is not valid UTF-8");
      } else if (line.find_first_not_of(" \t") != std::string_view::npos) {
        examples.emplace_back(line);
      }
    }
    if (examples.empty()) mistakes.add(path, base::display(file) + " has no lines");
  } catch (const Error& error) {
    mistakes.add(path, error.what());
  }
  return examples;
}

LabelSpec read_label(const std::string& name, const Json& value, const LabelSpec& defaults, const fs::path& folder, Mistakes& mistakes) {
  LabelSpec label = defaults;
  label.name = name;
  const std::string path = joined("labels", name);
  if (name.empty()) mistakes.add("labels", "a label's name is empty");
  if (!value.is_object()) {
    mistakes.add(path, "an object with \"examples\"", value);
    return label;
  }
  const Fields fields(value, path, mistakes);
  fields.allow({"examples", "threshold", "priority", "combine", "k", "description"});
  const Json* examples = fields.find("examples");
  if (examples == nullptr) {
    mistakes.add(fields.path("examples"),
                 "is missing: expected an array of texts, or the name of a file with one on each line ([] for a label that only rules give)");
  } else if (examples->is_string()) {
    label.examples = read_example_file(folder / examples->get<std::string>(), fields.path("examples"), mistakes);
  } else if (examples->is_array()) {
    label.examples = fields.strings("examples");
  } else {
    mistakes.add(fields.path("examples"), "an array of texts, or the name of a file with one on each line", *examples);
  }
  read_scoring(fields, label);
  fields.number("priority", label.priority, -kMaxPriority, kMaxPriority, "a whole number from -1000000 to 1000000");
  std::string description;
  fields.string("description", description);
  return label;
}

// The same example twice helps nobody, and under two labels it is a contradiction.
void check_examples(const std::vector<LabelSpec>& labels, Mistakes& mistakes) {
  std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> seen;
  for (std::size_t label = 0; label < labels.size(); ++label)
    for (std::size_t i = 0; i < labels[label].examples.size(); ++i) {
      const auto [first, added] = seen.emplace(labels[label].examples[i], std::pair(label, i));
      if (added) continue;
      const auto [other, index] = first->second;
      mistakes.add(
          "labels." + labels[label].name + ".examples[" + std::to_string(i) + "]",
          base::quoted(labels[label].examples[i]) + " is example " + std::to_string(index) + " of label " + base::quoted(labels[other].name) + " already");
    }
}

std::optional<std::size_t> find_label(const Fields& fields, const char* key, const std::vector<LabelSpec>& labels, bool required = false) {
  std::string name;
  if (!fields.string(key, name, required)) return std::nullopt;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i].name == name) return i;
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(labels.size(), 20); ++i) list += (i > 0 ? ", " : "") + base::printable(labels[i].name);
  fields.mistakes().add(fields.path(key), base::quoted(name) + " is none of the labels (" + list + (labels.size() > 20 ? ", ..." : "") + ")");
  return std::nullopt;
}

RuleSpec read_rule(const Json& value, const std::string& path, const std::vector<LabelSpec>& labels, Mistakes& mistakes) {
  RuleSpec rule;
  if (!value.is_object()) {
    mistakes.add(path, "an object with \"action\", \"label\" and \"phrases\" or \"patterns\"", value);
    return rule;
  }
  const Fields fields(value, path, mistakes);
  fields.allow({"name", "action", "label", "phrases", "patterns", "description"});
  rule.name = path;
  fields.string("name", rule.name);
  fields.choice("action", rule.action, kActions, true);
  rule.label = find_label(fields, "label", labels, true).value_or(0);
  rule.phrases = fields.strings("phrases");
  rule.patterns = fields.strings("patterns");
  if (fields.find("phrases") == nullptr && fields.find("patterns") == nullptr) mistakes.add(path, "has neither \"phrases\" nor \"patterns\"");
  if (rule.phrases.empty() && rule.patterns.empty() && (fields.find("phrases") != nullptr || fields.find("patterns") != nullptr))
    mistakes.add(path, "has no phrase and no pattern: it can never match");
  for (std::size_t i = 0; i < rule.phrases.size(); ++i)
    if (normalised_for_rules(rule.phrases[i]).empty())
      mistakes.add(path + ".phrases[" + std::to_string(i) + "]", base::quoted(rule.phrases[i]) + " has nothing to look for");
  for (std::size_t i = 0; i < rule.patterns.size(); ++i)
    if (const auto problem = pattern_problem(rule.patterns[i]))
      mistakes.add(path + ".patterns[" + std::to_string(i) + "]", base::quoted(rule.patterns[i], 200) + ": " + base::printable(*problem));
  return rule;
}

void read_labels(const Fields& fields, const fs::path& folder, ProfileSpec& profile) {
  LabelSpec defaults;
  read_scoring(fields, defaults);
  const Json* labels = fields.find("labels");
  if (labels == nullptr) return fields.mistakes().add("labels", "is missing");
  if (!labels->is_object() || labels->empty()) return fields.mistakes().add("labels", "an object of labels with their examples", *labels);
  for (const auto& [name, value] : labels->items()) profile.labels.push_back(read_label(name, value, defaults, folder, fields.mistakes()));
  check_examples(profile.labels, fields.mistakes());
}

void read_rules(const Fields& fields, ProfileSpec& profile) {
  const Json* rules = fields.find("rules");
  if (rules == nullptr) return;
  if (!rules->is_array()) return fields.mistakes().add("rules", "an array of rules", *rules);
  for (std::size_t i = 0; i < rules->size(); ++i)
    profile.rules.push_back(read_rule((*rules)[i], "rules[" + std::to_string(i) + "]", profile.labels, fields.mistakes()));
  for (std::size_t i = 0; i < profile.rules.size(); ++i)
    for (std::size_t other = 0; other < i; ++other)
      if (profile.rules[i].name == profile.rules[other].name)
        fields.mistakes().add("rules[" + std::to_string(i) + "].name",
                              base::quoted(profile.rules[i].name) + " is the name of rules[" + std::to_string(other) + "] already");
}

void read_fallback(const Fields& fields, ProfileSpec& profile) {
  constexpr std::array<std::pair<std::string_view, bool>, 2> kModes = {{{"fail", false}, {"rules-only", true}}};
  profile.default_label = find_label(fields, "default", profile.labels);
  fields.choice("without_model", profile.rules_only_without_model, kModes);
  profile.default_label_without_model = find_label(fields, "default_without_model", profile.labels);
  if (profile.default_label_without_model && !profile.rules_only_without_model)
    fields.mistakes().add("default_without_model", "has a meaning only where \"without_model\" is \"rules-only\"");
}

ProfileSpec read_document(const Json& document, const fs::path& file, Mistakes& mistakes) {
  ProfileSpec profile;
  profile.file = file;
  const fs::path folder = file.parent_path();
  const Fields fields(document, "", mistakes);
  fields.allow({"model", "labels", "rules", "default", "threshold", "combine", "k", "precision", "prompt", "example_prompt", "max_length", "long_text",
                "without_model", "default_without_model", "description", "$schema"});
  std::string model, ignored, long_text = "truncate";
  if (fields.string("model", model, true)) profile.model = folder / model;
  fields.string("description", ignored);
  fields.string("$schema", ignored);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPrecisions = {
      {{"fp32", "fp32"}, {"bf16", "bf16"}, {"int8", "int8"}, {"auto", "auto"}}};
  std::string_view precision = profile.precision;
  fields.choice("precision", precision, kPrecisions);
  profile.precision = precision;
  profile.has_prompt = fields.string("prompt", profile.prompt);
  profile.has_example_prompt = fields.string("example_prompt", profile.example_prompt);
  fields.number("max_length", profile.max_length, 1, 1'000'000, "a whole number from 1 to 1000000");
  constexpr std::array<std::pair<std::string_view, LongText>, 2> kLongTexts = {{{"truncate", LongText::truncate}, {"window", LongText::window}}};
  fields.choice("long_text", profile.long_text, kLongTexts);
  read_labels(fields, folder, profile);
  read_rules(fields, profile);
  read_fallback(fields, profile);
  return profile;
}

}  // namespace

std::string_view name(Combine combine) { return name_of(kCombines, combine); }
Combine combine_by_name(std::string_view text) {
  for (const auto& [known, combine] : kCombines)
    if (known == text) return combine;
  throw Error(ErrorCode::invalid_argument, "combine: expected " + listed(kCombines) + ", got " + base::quoted(text));
}
std::string_view name(RuleAction action) { return name_of(kActions, action); }

std::size_t ProfileSpec::examples() const noexcept {
  std::size_t count = 0;
  for (const LabelSpec& label : labels) count += label.examples.size();
  return count;
}

ProfileSpec parse_profile(std::string_view text, const std::filesystem::path& file) {
  text = base::without_byte_order_mark(text);
  const Json document = base::parse_json(text, base::display(file), {.max_bytes = kMaxFileBytes});
  if (!document.is_object()) throw Error(ErrorCode::corrupt_file, base::display(file) + ": expected a JSON object, got " + base::describe(document));
  Mistakes mistakes(base::display(file), lines_of_json(text));
  ProfileSpec profile = read_document(document, file, mistakes);
  mistakes.throw_if_any();
  return profile;
}

ProfileSpec read_profile(const std::filesystem::path& file) { return parse_profile(base::read_file(file, kMaxFileBytes), file); }

}  // namespace berth::engine
