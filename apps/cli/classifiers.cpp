#include "apps/cli/classifiers.hpp"

#include <iostream>
#include <string_view>

#include <nlohmann/json.hpp>

#include "apps/cli/errors.hpp"

namespace berth::cli {

ClassifierOptions classifier_options(const ModelOptions& model, bool precision_given, std::size_t batch_tokens) {
  if (!model.adapter.empty()) throw UsageError("--adapter: the model of a profile runs without one");
  ClassifierOptions options;
  options.model = model.directory;
  options.threads = model.threads;
  options.precision = precision_given ? model.precision : "";
  options.isa = model.isa;
  options.mmap = !model.no_mmap;
  options.batch_tokens = batch_tokens;
  return options;
}

Classifier load_classifier(const std::string& profile, const ClassifierOptions& options) {
  Classifier classifier = Classifier::load(profile, options);
  const nlohmann::json info = nlohmann::json::parse(classifier.info());
  if (info["model"].is_null() && !options.rules_only)
    std::cerr << "berth: " << profile << ": the model is unavailable, only the rules decide: " << info["model_error"].get<std::string>() << '\n';
  return classifier;
}

}  // namespace berth::cli
