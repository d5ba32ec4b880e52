// berth eval: what a model is worth on labelled texts, and what a low precision costs it.
#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/evaluation.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/progress.hpp"
#include "apps/cli/rows.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

using Json = nlohmann::ordered_json;

struct EvalCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;  // only how to write
  std::string data;
  std::string examples;
  DatasetOptions dataset;
  std::string against = "fp32";
  double threshold = 0.5;
  std::size_t differences = 5;
};

Measure measure_of(const Model& model, const Dataset& data, const EvalCommand& options) {
  const auto info = nlohmann::json::parse(model.info());
  if (info.at("task") != "sequence-classification") {
    if (data.has_pairs) return Measure::similarity;
    return data.labels.empty() ? Measure::embedding : Measure::nearest;
  }
  if (!options.examples.empty()) throw UsageError("--examples is for embedding models; " + options.model.directory + " has a classification head");
  if (model.num_labels() == 1) return Measure::number;
  const auto scores = info.at("scores").get<std::string>();
  if (scores == "none") throw DataError(options.model.directory + ": a regression of several numbers, which berth eval does not score");
  return scores == "sigmoid" ? Measure::multi_label : Measure::single_label;
}

Outputs run_model(const Model& model, Measure measure, const Dataset& data, const RunLimits& limits) {
  const bool classify = measure == Measure::single_label || measure == Measure::multi_label || measure == Measure::number;
  RunOptions run_options;
  run_options.max_length = limits.max_length;
  run_options.batch_tokens = limits.batch_tokens;
  Outputs outputs;
  const auto process = [&](std::span<const Record> records) {
    std::vector<Input> inputs;
    for (const Record& record : records) {
      inputs.push_back(measure == Measure::similarity ? Input(record.text) : record.input());
      if (measure == Measure::similarity) inputs.emplace_back(*record.text_pair);
    }
    const Matrix results = classify ? model.classify(inputs, run_options) : model.encode(inputs, run_options);
    for (std::size_t i = 0; i < inputs.size(); ++i) require_finite(results[i], records[i * records.size() / inputs.size()]);
    outputs.size = results.columns;
    outputs.values.insert(outputs.values.end(), results.values.begin(), results.values.end());
    for (const Row& row : results.rows) outputs.truncated += row.truncated != 0 ? 1 : 0;
  };
  Progress progress(true, "rows");
  const std::size_t chunk = chunk_limits(limits).rows;
  for (std::size_t at = 0; at < data.records.size(); at += chunk) {
    process_rows(std::span(data.records).subspan(at, std::min(chunk, data.records.size() - at)), process);
    progress.update(std::min(at + chunk, data.records.size()), at, data.records.size());
  }
  return outputs;
}

Dataset read(const EvalCommand& options, const std::string& path) {
  DatasetOptions how = options.dataset;
  if (path != options.data) how.limit = 0;
  return read_dataset(path, how);
}

// The labels of a row by the model's names.
Json expected_json(const Dataset& data, const Question& question, std::size_t row) {
  const std::string& where = data.records[row].where;
  if (question.measure == Measure::number || question.measure == Measure::similarity) return label_number(data.labels[row], where);
  if (question.measure == Measure::nearest) return Json::array({data.labels[row]});
  if (question.measure == Measure::single_label) return Json::array({question.labels[label_index(data.labels[row], question.labels, where)]});
  Json out = Json::array();
  const auto set = label_set(data.labels[row], question.labels, where);
  for (std::size_t i = 0; i < set.size(); ++i)
    if (set[i]) out.push_back(question.labels[i]);
  return out;
}

std::string expected_cell(const Json& expected) {
  if (!expected.is_array()) return expected.dump();
  std::string out;
  for (const Json& label : expected) out += (out.empty() ? "" : ", ") + one_line(label.get<std::string>(), 24);
  return out.empty() ? "no label" : out;
}

// One precision's outputs with what they are worth.
struct Judged {
  Outputs outputs;
  Verdict verdict;
};

// The data, the question put to it, and the answers.
struct Report {
  Dataset data, examples;
  std::vector<std::string> labels;
  Question question;
  std::string isa, precision;
  Judged given;
  std::optional<Judged> against;
  std::optional<Comparison> comparison;
};

Judged run_and_judge(const Model& model, const Report& report, const RunLimits& limits) {
  Judged judged;
  const Outputs examples = report.examples.records.empty() ? Outputs() : run_model(model, report.question.measure, report.examples, limits);
  judged.outputs = run_model(model, report.question.measure, report.data, limits);
  judged.verdict = judge(report.question, judged.outputs, examples);
  return judged;
}

void evaluate(const EvalCommand& options, Report& report) {
  report.data = read(options, options.data);
  if (!options.examples.empty()) report.examples = read(options, options.examples);
  Question& question = report.question;
  {
    const Model model = load_model(options.model, "");
    question.data = &report.data;
    question.measure = measure_of(model, report.data, options);
    question.threshold = options.threshold;
    for (std::size_t i = 0; i < model.num_labels(); ++i) report.labels.emplace_back(model.label(i));
    question.labels = report.labels;
    if (question.measure != Measure::nearest && !options.examples.empty()) throw UsageError("--examples needs data with a text and a label in each row");
    if (!options.examples.empty() && report.examples.labels.empty()) throw DataError(options.examples + ": the examples have no labels");
    question.example_labels = report.examples.labels;
    check_labels(question);
    const auto info = nlohmann::json::parse(model.info());
    report.isa = info.at("isa").get<std::string>();
    report.precision = info.at("precision").get<std::string>();
    if (report.data.labels.empty() && report.precision == options.against)
      throw UsageError("nothing to do: " + options.data + " has no labels, and both --precision and --against are " + options.against);
    report.given = run_and_judge(model, report, options.limits);
  }
  if (report.precision == options.against) return;
  ModelOptions other = options.model;
  other.precision = options.against;
  report.against = run_and_judge(load_model(other, ""), report, options.limits);
  report.comparison = compare(question.measure, report.given.outputs, report.given.verdict, report.against->outputs, report.against->verdict);
}

Json scores_json(const Verdict& verdict) {
  Json out = Json::object();
  for (const auto& [name, value] : verdict.scores) out[name] = value;
  return out;
}

Json answer_json(const Prediction& answer) {
  if (answer.value) return *answer.value;
  Json out = Json::array();
  for (const auto& [label, score] : answer.labels) out.push_back({{"label", label}, {"score", score}});
  return out;
}

Json difference_json(const Report& report, std::size_t row) {
  const Record& record = report.data.records[row];
  Json out = {{"where", record.where}, {"text", record.text}};
  if (record.text_pair) out["text_pair"] = *record.text_pair;
  if (!report.data.labels.empty()) out["expected"] = expected_json(report.data, report.question, row);
  if (report.question.measure != Measure::embedding) {
    out["answer"] = answer_json(report.given.verdict.answers[row]);
    out["against"] = answer_json(report.against->verdict.answers[row]);
  }
  out["difference"] = report.comparison->differences[row];
  return out;
}

std::string json_line(const Report& report, const EvalCommand& options) {
  Json out = {{"rows", report.data.records.size()},
              {"truncated", report.given.outputs.truncated},
              {"isa", report.isa},
              {"precision", report.precision},
              {"scores", scores_json(report.given.verdict)}};
  if (!report.comparison) return base::dump(out) + "\n";
  const Comparison& comparison = *report.comparison;
  Json against = {{"precision", options.against}, {"scores", scores_json(report.against->verdict)}};
  if (comparison.agreement) against["agreement"] = *comparison.agreement;
  if (comparison.mean_cosine) against["cosine"] = {{"mean", *comparison.mean_cosine}, {"min", *comparison.min_cosine}};
  against["largest_difference"] = *std::max_element(comparison.differences.begin(), comparison.differences.end());
  against["differences"] = Json::array();
  for (const std::size_t row : most_different(comparison, report.given.verdict, report.against->verdict, options.differences))
    against["differences"].push_back(difference_json(report, row));
  out["against"] = std::move(against);
  return base::dump(out) + "\n";
}

std::string answer_cell(const Prediction& answer) {
  if (answer.value) return fixed(*answer.value, 4);
  std::string out;
  for (const auto& [label, score] : answer.labels) out += (out.empty() ? "" : ", ") + one_line(label, 24) + " " + fixed(score, 4);
  return out.empty() ? "(no label)" : out;
}

std::string for_people(const Report& report, const EvalCommand& options, int columns) {
  const auto field = [](std::string_view name, const std::string& value) { return pad_right(name, 20) + value + "\n"; };
  const std::size_t cut = report.given.outputs.truncated;
  std::string out =
      field("rows", grouped(static_cast<double>(report.data.records.size())) + (cut > 0 ? " (" + grouped(static_cast<double>(cut)) + " texts cut)" : ""));
  out += field("precision", report.precision + " on " + report.isa);
  const std::vector<std::pair<std::string, double>>& scores = report.given.verdict.scores;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::string value = fixed(scores[i].second, 4);
    if (report.against) {
      const double other = report.against->verdict.scores[i].second;
      value += "    " + options.against + " " + fixed(other, 4) + "    " + (scores[i].second < other ? "" : "+") + fixed(100 * (scores[i].second - other), 2) +
               " points";
    }
    out += field(scores[i].first, value);
  }
  if (!report.comparison) return out;
  const Comparison& comparison = *report.comparison;
  if (comparison.agreement) out += field("agreement", fixed(100 * *comparison.agreement, 2) + "% of rows have the labels of " + options.against);
  if (comparison.mean_cosine) out += field("cosine", "mean " + fixed(*comparison.mean_cosine, 6) + ", least " + fixed(*comparison.min_cosine, 6));
  const auto rows = most_different(comparison, report.given.verdict, report.against->verdict, options.differences);
  if (rows.empty()) return out;
  out += "\nlargest differences from " + options.against + "\n";
  for (const std::size_t row : rows) {
    const Record& record = report.data.records[row];
    out += "  " + record.where + ": " + fixed(comparison.differences[row], 6);
    if (report.question.measure != Measure::embedding)
      out += ": " + answer_cell(report.given.verdict.answers[row]) + " instead of " + answer_cell(report.against->verdict.answers[row]);
    if (!report.data.labels.empty()) out += " (expected " + expected_cell(expected_json(report.data, report.question, row)) + ")";
    out += "\n    " + describe(record, false, columns - 4) + "\n";
  }
  return out;
}

void run(const EvalCommand& options) {
  if (options.data.empty()) throw UsageError("no data given: --data FILE names labelled texts");
  Report report;
  evaluate(options, report);
  Output output(options.text.json, options.text.table);
  output.write(output.people() ? for_people(report, options, output.columns()) : json_line(report, options));
  output.flush();
}

}  // namespace

void add_eval(CommandLine& line) {
  Command command = line.add_command("eval", "Score a model on labelled texts, and compare a precision with fp32");
  const auto options = std::make_shared<EvalCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits);
  command.add_option("-d,--data", options->data, "Texts with labels (columns separated by tabs, CSV, or JSON Lines), \"-\" for standard input")
      .type_name("FILE");
  add_dataset_options(command, options->dataset);
  command.add_option("--examples", options->examples, "Embeddings: labelled texts among which the nearest is looked for; default: the other rows of the data")
      .type_name("FILE");
  command.add_option("--threshold", options->threshold, "Several labels at once: scores above it count; default 0.5").type_name("X").check(check_fraction);
  command.add_option("--against", options->against, "Precision to compare with; default fp32").type_name("fp32|bf16|int8|auto");
  command.add_option("--differences", options->differences, "Rows to show with both answers; default 5").type_name("N").check(check_count);
  add_output_options(command, options->text);
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    line.run = [=] { run(*options); };
  });
}

}  // namespace berth::cli
