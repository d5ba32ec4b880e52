// berth profile check FILE: the mistakes of a profile.
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/cli/classifiers.hpp"
#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

struct Options {
  ModelOptions model;
  bool no_model = false;
  TextOptions text;
};

void check(const Options& options, const std::string& file, bool precision_given) {
  Classifier::check(file);
  Output output(options.text.json, options.text.table);
  ClassifierOptions how = classifier_options(options.model, precision_given, 0);
  how.cache = false;
  how.rules_only = options.no_model;
  const Classifier classifier = Classifier::load(file, how);
  const nlohmann::json info = nlohmann::json::parse(classifier.info());
  // A profile that does without its model is good at run time, but not what was meant.
  if (info["model"].is_null() && !options.no_model) throw DataError(file + ": model: " + info["model_error"].get<std::string>());
  if (!output.people()) {
    nlohmann::json line = {
        {"profile", file}, {"labels", info["labels"]}, {"examples", info["examples"]}, {"rules", info["rules"]}, {"default", info["default"]}};
    output.write(line.dump() + "\n");
  } else {
    output.write(one_line(file, 60) + ": good: " + std::to_string(info["labels"].size()) + " labels, " + info["examples"].dump() + " examples, " +
                 info["rules"].dump() + " rules\n");
  }
  output.flush();
}

void run(const Options& options, const std::vector<std::string>& words, bool precision_given) {
  if (words.empty() || words.front() != "check")
    throw UsageError("berth profile: expected check FILE" + (words.empty() ? "" : ", got \"" + words.front() + "\""));
  if (words.size() != 2) throw UsageError("berth profile " + words.front() + ": expected one FILE, got " + std::to_string(words.size() - 1));
  check(options, words[1], precision_given);
}

}  // namespace

void add_profile(CommandLine& line) {
  CLI::App* app = line.app.add_subcommand("profile", "Check a profile for classify: berth profile check FILE");
  const auto options = std::make_shared<Options>();
  add_model_directory_option(*app, options->model, "");
  CLI::Option* precision = app->add_option("--precision", options->model.precision, "In place of the profile's")->type_name("fp32|bf16|int8|auto");
  app->add_flag("--no-model", options->no_model, "Check the file alone, without loading its model");
  add_output_options(*app, options->text);
  app->callback([&line, app, options, precision] { line.run = [=, words = text_arguments(line, *app)] { run(*options, words, precision->count() > 0); }; });
}

}  // namespace berth::cli
