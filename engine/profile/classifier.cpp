#include "engine/profile/classifier.hpp"

#include <new>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/json_text.hpp"
#include "engine/inputs.hpp"
#include "engine/profile/shared_model.hpp"

namespace berth::engine {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

fs::path cache_file(const fs::path& profile) { return fs::path(profile).replace_extension(".embeddings"); }

// A number with no more digits than the float needs: as a double, 0.9 would be 0.8999999761581421.
Json shortest(float value) {
  std::string text;
  base::append_number(text, value);
  return Json::parse(text);
}

std::vector<float> thresholds_of(const ProfileSpec& profile) {
  std::vector<float> thresholds;
  for (const LabelSpec& label : profile.labels) thresholds.push_back(label.threshold);
  return thresholds;
}

}  // namespace

std::unique_ptr<const Classifier> Classifier::load(const fs::path& file, const ClassifierOptions& options) {
  std::unique_ptr<Classifier> classifier(new Classifier);
  ProfileSpec profile = read_profile(file);
  for (LabelSpec& label : profile.labels) {
    if (options.combine) label.combine = *options.combine;
    if (options.k > 0) label.k = options.k;
  }
  if (!options.model.empty()) profile.model = options.model;
  classifier->profile_ = std::make_shared<const ProfileSpec>(std::move(profile));
  classifier->rules_.emplace(classifier->profile_->rules);
  try {
    if (options.rules_only) throw Error(ErrorCode::invalid_argument, "not asked for: rules only");
    classifier->load_model(options);
  } catch (const Error& error) {
    if (!classifier->profile_->rules_only_without_model && !options.rules_only) throw;
    classifier->model_error_ = error.what();
  } catch (const std::bad_alloc&) {
    if (!classifier->profile_->rules_only_without_model) throw;
    classifier->model_error_ = "out of memory";
  }
  if (!classifier->model_error_.empty()) {
    classifier->exemplars_.reset();
    classifier->model_.reset();
  }
  classifier->info_ = classifier->describe();
  return classifier;
}

void Classifier::load_model(const ClassifierOptions& options) {
  LoadOptions load = options.load;
  if (load.precision.empty()) load.precision = profile_->precision;
  model_ = shared_model(profile_->model, load);
  run_options_ = {.max_length = profile_->max_length, .batch_tokens = options.batch_tokens, .normalize = true, .long_text = profile_->long_text};
  if (profile_->has_prompt) run_options_.prompt = profile_->prompt;
  RunOptions example_options = run_options_;
  if (profile_->has_example_prompt) example_options.prompt = profile_->example_prompt;
  exemplars_.emplace(*model_, *profile_, example_options, options.cache ? cache_file(profile_->file) : fs::path(), profile_->model);
}

void Classifier::run_model(std::span<const berth_input> inputs, std::size_t first, Evidence& out, berth_row* rows) const {
  std::vector<float> vectors(inputs.size() * exemplars_->dimensions());
  std::vector<berth_row> own(inputs.size());
  model_->encode(inputs, run_options_, vectors.data(), own.data(), nullptr);
  const std::size_t at = first * out.labels();
  exemplars_->score(model_->compute(), vectors.data(), inputs.size(), {out.scores.data() + at, out.nearest.data() + at, out.similarity.data() + at});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    out.model[first + i] = 1;
    if (rows != nullptr) rows[first + i] = own[i];
  }
}

Decisions Classifier::run(std::span<const berth_input> inputs, berth_row* rows) const {
  const auto evidence = std::make_shared<Evidence>();
  Evidence& out = *evidence;
  out.profile = profile_;
  out.resize(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string where = input_name(i);
    if (inputs[i].ids != nullptr) throw Error(ErrorCode::invalid_argument, where + ": ids: a profile's rules need text");
    if (inputs[i].text_pair.data != nullptr) throw Error(ErrorCode::invalid_argument, where + ": text_pair: a profile is for single texts");
    const std::string_view text = checked_text(inputs[i].text, "text", i);
    if (rows != nullptr) rows[i] = {.tokens = 0, .truncated = 0, .windows = 0};
    out.hits[i] = rules_->match(text);
  }
  if (model_ != nullptr) {
    try {
      run_model(inputs, 0, out, rows);
    } catch (const Error&) {
      if (!profile_->rules_only_without_model) throw;
      // What the model cannot do with one row must not take the others' answers: the rules decide about that row alone.
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        try {
          run_model(inputs.subspan(i, 1), i, out, rows);
        } catch (const Error&) {
          out.model[i] = 0;
        }
      }
    }
  }
  return decide(evidence, thresholds_of(*profile_));
}

std::string Classifier::describe() const {
  Json labels = Json::array();
  for (const LabelSpec& label : profile_->labels)
    labels.push_back({{"name", label.name},
                      {"examples", label.examples.size()},
                      {"threshold", shortest(label.threshold)},
                      {"priority", label.priority},
                      {"combine", name(label.combine)},
                      {"k", label.k}});
  const auto label_name = [&](const std::optional<std::size_t>& label) { return label ? Json(profile_->labels[*label].name) : Json(); };
  Json info = {{"profile", base::display(profile_->file)},
               {"labels", labels},
               {"rules", profile_->rules.size()},
               {"examples", profile_->examples()},
               {"default", label_name(profile_->default_label)},
               {"without_model", profile_->rules_only_without_model ? "rules-only" : "fail"},
               {"default_without_model", label_name(profile_->default_label_without_model)},
               {"max_length", profile_->max_length},
               {"long_text", profile_->long_text == LongText::window ? "window" : "truncate"},
               {"model_directory", base::display(profile_->model)},
               {"model", model_ == nullptr ? Json() : Json::parse(model_->info())}};
  if (model_ == nullptr) info["model_error"] = model_error_;
  if (exemplars_) info["cached_examples"] = exemplars_->cached();
  return base::dump(info);
}

}  // namespace berth::engine
