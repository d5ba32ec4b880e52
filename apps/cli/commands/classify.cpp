// berth classify: scores of a sequence-classification head, or labels known by the examples of a profile.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

#include "apps/cli/classifiers.hpp"
#include "apps/cli/commands.hpp"
#include "apps/cli/decision_text.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"
#include "apps/cli/stream.hpp"

namespace berth::cli {
namespace {

struct ClassifyCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  StreamOptions stream;
  std::size_t top_k = 1;
  bool raw_scores = false;
  ProfileOptions profile;
  bool precision_given = false;
};

// Labels with their scores, best first, and for columns the best one.
Answer answer_of(const Model& model, std::span<const float> scores, std::span<const std::size_t> order, const Row& row, bool windows) {
  Answer answer;
  std::string labels = "[";
  for (const std::size_t label : order) {
    if (labels.size() > 1) labels += ',';
    labels += "{\"label\":";
    append_string(labels, model.label(label));
    labels += ",\"score\":";
    append_number(labels, scores[label]);
    labels += '}';
  }
  answer.json = "\"labels\":" + labels + "],";
  append_row(answer.json, row, windows);
  std::string score;
  append_number(score, scores[order.front()]);
  answer.cells = {std::string(model.label(order.front())), score, std::to_string(row.tokens), row.truncated != 0 ? "true" : "false"};
  return answer;
}

std::string people_line(const Model& model, const Record& record, std::span<const float> scores, std::span<const std::size_t> order, const Row& row,
                        int label_width, int columns) {
  std::string out;
  for (const std::size_t label : order) {
    out += pad_right(one_line(model.label(label), label_width), label_width) + score_cell(scores[label]) + "  ";
  }
  return out + describe(record, row, columns - display_width(out)) + "\n";
}

Answer answer_of(const berth_decision& decision, const Row& row) {
  Answer answer;
  append_decision(answer.json, decision);
  append_row(answer.json, row, false);
  answer.cells = decision_columns(decision);
  answer.cells.push_back(std::to_string(row.tokens));
  answer.cells.emplace_back(row.truncated != 0 ? "true" : "false");
  return answer;
}

void refuse_head_options(const ClassifyCommand& options) {
  const auto refuse = [](bool given, const char* option) {
    if (given) throw UsageError(std::string(option) + ": with --profile the profile says that");
  };
  refuse(options.limits.max_length > 0, "--max-length");
  refuse(!options.limits.long_text.empty(), "--long-text");
  refuse(options.limits.stride > 0, "--stride");
  refuse(!options.limits.window_scores.empty(), "--window-scores");
  if (options.raw_scores) throw UsageError("--raw-scores: a profile has no logits");
  if (options.top_k != 1) throw UsageError("--top-k: a profile gives one label");
}

void run_profile(const ClassifyCommand& options, std::vector<std::string> arguments) {
  refuse_head_options(options);
  Stream stream(options.text, options.stream, std::move(arguments), options.model.threads);
  ClassifierOptions how = classifier_options(options.model, options.precision_given, options.limits.batch_tokens);
  how.cache = !options.profile.no_cache;
  how.rules_only = options.profile.rules_only;
  const Classifier classifier = load_classifier(options.profile.file, how);
  std::vector<std::string> columns = decision_column_names();
  columns.insert(columns.end(), {"tokens", "truncated"});
  stream.open_output(columns, "classify " + options.profile.file + " " + options.model.directory + " " + how.precision + (how.rules_only ? " rules" : ""));
  Output& output = stream.output();
  int label_width = 1;
  for (std::size_t i = 0; i < classifier.num_labels(); ++i) label_width = std::max(label_width, std::min(24, display_width(classifier.label(i))));
  stream.run(chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Decisions decisions = classifier.classify(inputs_of(records));
    stream.write_rows(records.size(), [&](std::size_t i, std::string& out) {
      if (output.people()) {
        const std::string cells = decision_cells(decisions[i], label_width);
        out += cells + describe(records[i], decisions.rows()[i], output.columns() - display_width(cells)) + "\n";
      } else {
        stream.append_line(out, records[i], answer_of(decisions[i], decisions.rows()[i]));
      }
    });
  });
}

void run(const ClassifyCommand& options, std::vector<std::string> arguments) {
  if (!options.profile.file.empty()) return run_profile(options, std::move(arguments));
  if (options.profile.no_cache || options.profile.rules_only) throw UsageError("--no-cache and --rules-only go with --profile");
  Stream stream(options.text, options.stream, std::move(arguments), options.model.threads);
  const Model model = load_model(options.model, kDefaultClassifier);
  if (model.num_labels() == 0)
    throw DataError(model_directory(options.model, kDefaultClassifier) + ": the model has no sequence-classification head; berth encode gives its embeddings");
  stream.open_output({"label", "score", "tokens", "truncated"},
                     "classify " + model_directory(options.model, kDefaultClassifier) + " " + options.model.precision + " " + std::to_string(options.top_k) +
                         " " + std::to_string(options.limits.max_length) + " " + options.limits.long_text_mode() + " " + std::to_string(options.limits.stride) +
                         " " + options.limits.window_scores + (options.raw_scores ? " raw" : "") + options.model.adapter_text());
  Output& output = stream.output();
  RunOptions run_options;
  run_options.max_length = options.limits.max_length;
  run_options.batch_tokens = options.limits.batch_tokens;
  run_options.raw_scores = options.raw_scores;
  run_options.long_text = options.limits.long_text_mode();
  run_options.stride = options.limits.stride;
  run_options.window_scores = options.limits.window_scores;
  int label_width = 0;
  for (std::size_t i = 0; i < model.num_labels(); ++i) label_width = std::max(label_width, std::min(24, display_width(model.label(i))));

  stream.run(chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Matrix scores = model.classify(inputs_of(records), run_options);
    stream.write_rows(records.size(), [&](std::size_t i, std::string& out) {
      require_finite(scores[i], records[i]);
      const auto order = best(scores[i], options.top_k);
      if (output.people()) {
        out += people_line(model, records[i], scores[i], order, scores.rows[i], label_width, output.columns());
      } else {
        stream.append_line(out, records[i], answer_of(model, scores[i], order, scores.rows[i], options.limits.windows()));
      }
    });
  });
}

}  // namespace

void add_classify(CommandLine& line) {
  Command command = line.add_command("classify", "Label texts with a classification model");
  const auto options = std::make_shared<ClassifyCommand>();
  add_model_options(command, options->model, kDefaultClassifier);
  add_run_options(command, options->limits);
  add_window_scores_option(command, options->limits.window_scores, "mean");
  command.add_option("-k,--top-k", options->top_k, "Labels to report, best first; 0: all; default 1").type_name("N").check(check_count);
  command.add_flag("--raw-scores", options->raw_scores, "Report the head's logits instead of scores");
  add_text_options(command, options->text);
  add_stream_options(command, options->stream, Npy::no);
  command.add_option("--profile", options->profile.file, "Labels known by examples, with rules and thresholds, as this file says (docs/triage.md)")
      .type_name("FILE");
  command.add_flag("--no-cache", options->profile.no_cache, "Of a profile: neither read nor write the file of its examples' embeddings");
  command.add_flag("--rules-only", options->profile.rules_only, "Of a profile: decide without the model");
  command.callback([&line, command, options] {
    options->precision_given = command.given("--precision");
    line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); };
  });
}

}  // namespace berth::cli
