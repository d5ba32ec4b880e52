// berth profile check|eval|tune FILE: the mistakes of a profile, how right its labels are, and thresholds for a target.
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/cli/assessment.hpp"
#include "apps/cli/classifiers.hpp"
#include "apps/cli/commands.hpp"
#include "apps/cli/dataset.hpp"
#include "apps/cli/decision_text.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/report.hpp"
#include "apps/cli/rows.hpp"
#include "apps/cli/tuning.hpp"
#include "base/files.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kLabelsWithTheirOwn = 40;  // thresholds by default: with more there are too few rows for each

// Options that not every action looks at, and those that do. The others refuse them: what is asked for is not ignored.
struct ActionOption {
  const char* option;
  std::string_view actions;
};
constexpr std::array<ActionOption, 16> kActionOptions = {{
    {"--no-model", "check"},
    {"--rules-only", "eval"},
    {"--data", "eval and tune"},
    {"--data-format", "eval and tune"},
    {"--columns", "eval and tune"},
    {"--header", "eval and tune"},
    {"--text-field", "eval and tune"},
    {"--label-field", "eval and tune"},
    {"--rows", "eval and tune"},
    {"--worst", "eval and tune"},
    {"--report", "eval and tune"},
    {"--target", "tune"},
    {"--folds", "tune"},
    {"--seed", "tune"},
    {"--thresholds", "tune"},
    {"--output", "tune"},
}};

struct ProfileCommand {
  ModelOptions model;
  bool precision_given = false;
  std::vector<ActionOption> given;
  bool pair_field_given = false;
  bool no_model = false;
  bool rules_only = false;
  TextOptions text;
  std::string data;
  DatasetOptions dataset;
  std::size_t errors = 20;
  std::string report;
  std::string target = "macro-f1";
  std::size_t folds = 5;
  std::size_t seed = 1;
  std::string thresholds = "auto";
  std::string output;
};

void check(const ProfileCommand& options, const std::string& file) {
  Classifier::check(file);
  Output output(options.text.json, options.text.table);
  ClassifierOptions how = classifier_options(options.model, options.precision_given, 0);
  how.cache = false;
  how.rules_only = options.no_model;
  const Classifier classifier = Classifier::load(file, how);
  const nlohmann::json info = nlohmann::json::parse(classifier.info());
  // A profile that does without its model is good at run time, but not what was meant.
  if (info["model"].is_null() && !options.no_model) throw DataError(file + ": model: " + info["model_error"].get<std::string>());
  if (!output.people()) {
    nlohmann::json line = {
        {"profile", file}, {"labels", info["labels"]}, {"examples", info["examples"]}, {"rules", info["rules"]}, {"default", info["default"]}};
    output.write(base::dump(line) + "\n");
  } else {
    output.write(one_line(base::display(file), 60) + ": good: " + std::to_string(info["labels"].size()) + " labels, " + info["examples"].dump() +
                 " examples, " + info["rules"].dump() + " rules\n");
  }
  output.flush();
}

// Labelled texts, with the classifier's labels as indices.
struct Labelled {
  Dataset data;
  std::vector<std::string> names;
  std::vector<std::size_t> wanted;  // [rows]
};

Labelled read_labelled(const ProfileCommand& options, const Classifier& classifier) {
  if (options.data.empty()) throw UsageError("--data FILE: labelled texts are needed");
  Labelled result;
  result.data = read_dataset(options.data, options.dataset);
  if (result.data.labels.empty()) throw DataError(options.data + ": has no labels; --columns or --label-field says where they are");
  for (std::size_t i = 0; i < classifier.num_labels(); ++i) result.names.emplace_back(classifier.label(i));
  for (std::size_t row = 0; row < result.data.labels.size(); ++row) {
    const auto found = std::find(result.names.begin(), result.names.end(), result.data.labels[row]);
    if (found == result.names.end()) throw DataError(result.data.records[row].where + ": \"" + result.data.labels[row] + "\" is none of the profile's labels");
    result.wanted.push_back(static_cast<std::size_t>(found - result.names.begin()));
  }
  return result;
}

std::unordered_map<std::string_view, std::size_t> index_of(const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < names.size(); ++i) index.emplace(names[i], i);
  return index;
}

struct LabelFacts {
  std::vector<int> priorities;
  std::vector<float> thresholds;
  std::vector<bool> fixed;  // without examples
};

LabelFacts facts_of(const Classifier& classifier) {
  LabelFacts facts;
  const nlohmann::json info = nlohmann::json::parse(classifier.info());
  for (const nlohmann::json& label : info["labels"]) {
    facts.priorities.push_back(label["priority"].get<int>());
    facts.thresholds.push_back(label["threshold"].get<float>());
    facts.fixed.push_back(label["examples"] == 0);
  }
  return facts;
}

std::string text_of(const berth_string& text) { return text.data == nullptr ? "" : std::string(text.data, text.size); }

// The worst first: labels of higher priority that were missed, then the surest mistakes.
std::vector<LabelError> errors_of(const Labelled& labelled, const Decisions& decisions, std::span<const std::size_t> given, const LabelFacts& facts,
                                  std::size_t most) {
  std::vector<std::pair<LabelError, std::pair<int, double>>> found;
  for (std::size_t row = 0; row < given.size(); ++row) {
    const std::size_t wanted = labelled.wanted[row];
    if (given[row] == wanted) continue;
    const berth_decision& decision = decisions[row];
    const bool none = given[row] == labelled.names.size();
    LabelError error{.where = labelled.data.records[row].where,
                     .text = labelled.data.records[row].text,
                     .wanted = labelled.names[wanted],
                     .given = none ? "" : labelled.names[given[row]],
                     .decided_by = std::string(decided_by(decision)),
                     .nearest = text_of(decision.nearest),
                     .rule = text_of(decision.rule)};
    const float score = none ? NAN : decisions.scores(row)[given[row]], own = decisions.scores(row)[wanted];
    error.score = std::isnan(score) ? 0.0 : static_cast<double>(score);
    error.missed = none || facts.priorities[wanted] > facts.priorities[given[row]];
    const double surety = error.score - (std::isnan(own) ? 0.0 : static_cast<double>(own));
    found.emplace_back(std::move(error), std::pair(error.missed ? facts.priorities[wanted] : std::numeric_limits<int>::min(), surety));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<LabelError> errors;
  for (std::size_t i = 0; i < std::min(most, found.size()); ++i) errors.push_back(std::move(found[i].first));
  return errors;
}

std::vector<LabelCurve> curves_of(const Labelled& labelled, const Decisions& decisions, const LabelFacts& facts) {
  std::vector<LabelCurve> curves;
  for (std::size_t label = 0; label < labelled.names.size(); ++label) {
    if (facts.fixed[label]) continue;
    LabelCurve curve{label, facts.thresholds[label], {}};
    for (std::size_t row = 0; row < labelled.wanted.size(); ++row)
      if (const float score = decisions.scores(row)[label]; !std::isnan(score)) curve.scores.emplace_back(score, labelled.wanted[row] == label);
    curves.push_back(std::move(curve));
  }
  return curves;
}

nlohmann::ordered_json errors_json(std::span<const LabelError> errors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LabelError& error : errors)
    list.push_back({{"where", error.where},
                    {"text", error.text},
                    {"wanted", error.wanted},
                    {"given", error.given},
                    {"decided_by", error.decided_by},
                    {"score", error.score},
                    {"nearest", error.nearest},
                    {"rule", error.rule}});
  return list;
}

std::string errors_table(std::span<const LabelError> errors, int columns) {
  std::string out;
  for (const LabelError& error : errors) {
    const std::string cells =
        pad_right(one_line(error.wanted, 20) + " as " + (error.given.empty() ? "none" : one_line(error.given, 20)), 28) + "  " + fixed(error.score, 3) + "  ";
    out += cells + one_line(error.text, std::max(20, columns - display_width(cells))) + "\n";
  }
  return out.empty() ? out : "\nworst errors, missed labels of higher priority first\n" + out;
}

void write_file(const std::string& path, const std::string& content) {
  Output file(path);
  file.write(content);
  file.flush();
}

Decisions classify_all(const Classifier& classifier, const Labelled& labelled) { return classifier.classify(inputs_of(labelled.data.records)); }

// What eval and tune have to say of labels given to the rows.
struct Told {
  std::string title, note;
  nlohmann::ordered_json extra;
  std::string extra_table;
};

void tell(const ProfileCommand& options, const Labelled& labelled, const Decisions& decisions, std::span<const std::size_t> given, const LabelFacts& facts,
          const Told& told) {
  Assessment assessment(labelled.names.size());
  for (std::size_t row = 0; row < given.size(); ++row) assessment.add(labelled.wanted[row], given[row]);
  const std::vector<LabelError> errors = errors_of(labelled, decisions, given, facts, options.errors);
  if (!options.report.empty())
    write_file(options.report, html_report(told.title, told.note, assessment, labelled.names, curves_of(labelled, decisions, facts), errors));
  Output output(options.text.json, options.text.table);
  if (output.people()) {
    output.write(told.extra_table + assessment_table(assessment, labelled.names) + errors_table(errors, output.columns()));
  } else {
    nlohmann::ordered_json line = assessment_json(assessment, labelled.names);
    line["errors"] = errors_json(errors);
    for (const auto& [key, value] : told.extra.items()) line[key] = value;
    output.write(base::dump(line) + "\n");
  }
  output.flush();
}

ClassifierOptions loading(const ProfileCommand& options) {
  ClassifierOptions how = classifier_options(options.model, options.precision_given, 0);
  how.rules_only = options.rules_only;
  return how;
}

void eval(const ProfileCommand& options, const std::string& file) {
  const Classifier classifier = load_classifier(file, loading(options));
  const Labelled labelled = read_labelled(options, classifier);
  const Decisions decisions = classify_all(classifier, labelled);
  const auto given = given_labels(decisions, index_of(labelled.names));
  std::map<std::string, std::size_t> by = {{"model", 0}, {"rule", 0}, {"default", 0}, {"nothing", 0}};
  for (std::size_t row = 0; row < decisions.size(); ++row) ++by[std::string(decided_by(decisions[row]))];
  Told told{
      .title = base::display(file) + " on " + base::display(options.data), .note = "berth profile eval", .extra = {{"decided_by", by}}, .extra_table = {}};
  tell(options, labelled, decisions, given, facts_of(classifier), told);
}

// The ways of combining examples that are tried: the profile's own, and the mean of the k nearest.
std::vector<Variant> variants_of(const ProfileCommand& options, const std::string& file, const Labelled& labelled) {
  std::vector<Variant> variants;
  const std::pair<const char*, std::size_t> tried[] = {{"max", 0}, {"mean-top-k", 2}, {"mean-top-k", 3}, {"mean-top-k", 5}, {"centroid", 0}};
  for (const auto& [combine, k] : tried) {
    ClassifierOptions how = loading(options);
    how.combine = combine;
    how.k = k;
    const Classifier classifier = Classifier::load(file, how);
    if (nlohmann::json::parse(classifier.info())["model"].is_null()) throw DataError(file + ": thresholds are tuned with the model, which is unavailable");
    variants.push_back({combine, k, classify_all(classifier, labelled)});
  }
  return variants;
}

// The profile with what was found; all else as it stands, in its order.
std::string with_thresholds(const std::string& file, const Labelled& labelled, const Variant& variant, const Tuned& tuned, const LabelFacts& facts) {
  std::ifstream in(file);
  auto profile = nlohmann::ordered_json::parse(in);  // which was read before, and is good
  for (std::size_t label = 0; label < labelled.names.size(); ++label) {
    if (facts.fixed[label]) continue;
    nlohmann::ordered_json& own = profile["labels"][labelled.names[label]];
    own["threshold"] = std::round(static_cast<double>(tuned.thresholds[label]) * 1e4) / 1e4;
    own["combine"] = variant.combine;
    if (variant.k > 0) {
      own["k"] = variant.k;
    } else {
      own.erase("k");
    }
  }
  return profile.dump(2) + "\n";
}

void tune(const ProfileCommand& options, const std::string& file) {
  const Classifier classifier = load_classifier(file, loading(options));
  const Labelled labelled = read_labelled(options, classifier);
  const LabelFacts facts = facts_of(classifier);
  const Target target = parse_target(options.target, labelled.names);
  if (options.folds > labelled.wanted.size()) throw DataError(options.data + ": has fewer rows than --folds asks for");
  const auto tunable = static_cast<std::size_t>(std::count(facts.fixed.begin(), facts.fixed.end(), false));
  const bool each = options.thresholds == "each" || (options.thresholds == "auto" && tunable <= kLabelsWithTheirOwn);
  const Tuner tuner(variants_of(options, file, labelled), labelled.names, labelled.wanted, facts.fixed, target, each);
  const std::vector<std::size_t> held_out = tuner.cross_validate(options.folds, options.seed);
  const Tuned tuned = tuner.tune(std::vector<bool>(labelled.wanted.size(), true));
  const Variant& variant = tuner.variant(tuned.variant);

  Told told{.title = base::display(file) + " on " + base::display(options.data),
            .note = "berth profile tune: every row by thresholds that were chosen on the other " + std::to_string(options.folds - 1) + " of " +
                    std::to_string(options.folds) + " folds",
            .extra = {{"folds", options.folds}, {"target", options.target}, {"combine", variant.combine}},
            .extra_table = {}};
  if (variant.k > 0) told.extra["k"] = variant.k;
  nlohmann::ordered_json thresholds;
  for (std::size_t label = 0; label < labelled.names.size(); ++label) {
    if (facts.fixed[label]) continue;
    thresholds[labelled.names[label]] = std::round(static_cast<double>(tuned.thresholds[label]) * 1e4) / 1e4;
  }
  told.extra["thresholds"] = thresholds;
  told.extra_table = "combine " + variant.combine + (variant.k > 0 ? " " + std::to_string(variant.k) : "") + ", thresholds:";
  for (const auto& [name, value] : thresholds.items()) told.extra_table += " " + one_line(name, 24) + " " + value.dump();
  told.extra_table += "\n\non rows held out, " + std::to_string(options.folds) + " folds:\n";
  const Decisions decisions = variant.decisions.decide(tuned.thresholds);
  LabelFacts now = facts;
  now.thresholds = tuned.thresholds;
  if (!options.output.empty()) write_file(options.output, with_thresholds(file, labelled, variant, tuned, facts));
  tell(options, labelled, decisions, held_out, now, told);
}

void run(const ProfileCommand& options, const std::vector<std::string>& words) {
  const std::string action = words.empty() ? "" : words.front();
  if (action != "check" && action != "eval" && action != "tune")
    throw UsageError("berth profile: expected check, eval or tune and a FILE" + (action.empty() ? "" : ", got \"" + action + "\""));
  if (words.size() != 2) throw UsageError("berth profile " + action + ": expected one FILE, got " + std::to_string(words.size() - 1));
  if (action == "eval" && options.no_model) throw UsageError("--no-model is for check; eval has --rules-only");
  if (action == "tune" && options.rules_only) throw UsageError("--rules-only: without the model there are no thresholds");
  for (const ActionOption& each : options.given)
    if (each.actions.find(action) == std::string_view::npos) throw UsageError(std::string(each.option) + " is for " + std::string(each.actions));
  if (options.pair_field_given) throw UsageError("--pair-field: a profile labels single texts");
  if (action == "check") return check(options, words[1]);
  if (action == "eval") return eval(options, words[1]);
  tune(options, words[1]);
}

std::string check_beside_figures(const std::string& path) { return check_other_file(path, "standard output has the figures"); }

}  // namespace

void add_profile(CommandLine& line) {
  Command command = line.add_command("profile", "Work on a profile for classify: berth profile check|eval|tune FILE");
  const auto options = std::make_shared<ProfileCommand>();
  add_model_options(command, options->model, "");
  command.add_flag("--no-model", options->no_model, "check: the file alone, without loading its model");
  command.add_flag("--rules-only", options->rules_only, "eval: without the model");
  command.add_option("--data", options->data, "eval, tune: labelled texts (columns separated by tabs, CSV, or JSON Lines), \"-\" for standard input")
      .type_name("FILE");
  add_dataset_options(command, options->dataset);
  command.add_option("--worst", options->errors, "Errors to show, the worst first; default 20").type_name("N").check(check_count);
  command.add_option("--report", options->report, "Write a page of HTML with the matrix of confusion, curves and errors")
      .type_name("FILE")
      .check(check_beside_figures);
  command.add_option("--target", options->target, "tune: macro-f1 (default), or recall:LABEL=SHARE,... at the best precision").type_name("TARGET");
  command.add_option("--folds", options->folds, "tune: parts of the data, each labelled by what was tuned on the others; default 5")
      .type_name("N")
      .check([](const std::string& text) { return check_between(text, 2, 100, ""); });
  command.add_option("--seed", options->seed, "tune: of the division into folds; default 1").type_name("N").check(check_count);
  command.add_option("--thresholds", options->thresholds, "tune: one for each label, one for all, or auto: each with up to 40 labels")
      .type_name("auto|each|one")
      .check([](const std::string& text) { return check_choice(text, "auto|each|one"); });
  command.add_option("--output", options->output, "tune: write the profile with its new thresholds to this file").type_name("FILE").check(check_beside_figures);
  add_output_options(command, options->text);
  command.callback([&line, command, options] {
    options->precision_given = command.given("--precision");
    options->pair_field_given = command.given("--pair-field");
    for (const ActionOption& each : kActionOptions)
      if (command.given(each.option)) options->given.push_back(each);
    line.run = [=, words = text_arguments(line, command)] { run(*options, words); };
  });
}

}  // namespace berth::cli
