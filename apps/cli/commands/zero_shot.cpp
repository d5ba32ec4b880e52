// berth zero-shot: labels that the model was not trained on, by a model of natural-language inference.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string_view>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

struct ZeroShotCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  ZeroShotOptions zero_shot;
  std::string labels;
  std::size_t top_k = 0;
};

// Hugging Face's rule, and its warning.
void check_entailment(const Model& model) {
  const auto entails = [](std::string_view label) {
    constexpr std::string_view kStart = "entail";
    return label.size() >= kStart.size() &&
           std::equal(kStart.begin(), kStart.end(), label.begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  };
  for (std::size_t i = 0; i < model.num_labels(); ++i)
    if (entails(model.label(i))) return;
  if (model.num_labels() > 1)
    std::cerr << "berth: no label of the model begins with \"entail\"; its last, \"" << model.label(model.num_labels() - 1) << "\", is taken for that\n";
}

std::string json_line(const Record& record, std::span<const std::string> labels, std::span<const float> scores, std::span<const std::size_t> order,
                      const Row& row) {
  std::string out = "{";
  if (!record.ids) {
    out += "\"sequence\":";
    append_string(out, record.text);
    out += ',';
  }
  out += "\"labels\":[";
  for (const std::size_t label : order) {
    if (out.back() != '[') out += ',';
    append_string(out, labels[label]);
  }
  out += "],\"scores\":";
  std::vector<float> sorted;
  for (const std::size_t label : order) sorted.push_back(scores[label]);
  append_array(out, sorted);
  out += ',';
  append_row(out, row.tokens, row.truncated != 0);
  return out + "}\n";
}

std::string people_lines(const Record& record, std::span<const std::string> labels, std::span<const float> scores, std::span<const std::size_t> order,
                         const Row& row, int columns) {
  std::string out = describe(record, row.truncated != 0, columns) + "\n";
  for (const std::size_t label : order) {
    const std::string cell = "  " + score_cell(scores[label]) + "  ";
    out += cell + one_line(labels[label], columns - display_width(cell)) + "\n";
  }
  return out;
}

void run(ZeroShotCommand options, std::vector<std::string> arguments) {
  const std::vector<std::string> labels = split_list(options.labels);
  if (labels.empty()) throw UsageError("--labels: expected at least one label, got \"" + options.labels + "\"");
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, "");
  check_entailment(model);
  Output output(options.text.json, options.text.table);
  options.zero_shot.max_length = options.limits.max_length;
  options.zero_shot.batch_tokens = options.limits.batch_tokens;
  options.zero_shot.long_text = options.limits.long_text;
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Matrix scores = model.zero_shot(inputs_of(records), labels, options.zero_shot);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto order = best(scores[i], options.top_k);
      output.write(output.people() ? people_lines(records[i], labels, scores[i], order, scores.rows[i], output.columns())
                                   : json_line(records[i], labels, scores[i], order, scores.rows[i]));
    }
  });
}

}  // namespace

void add_zero_shot(CommandLine& line) {
  Command command = line.add_command("zero-shot", "Label texts with labels of your own, with a model of natural-language inference");
  const auto options = std::make_shared<ZeroShotCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits, LongTexts::cut);
  command.add_option("-l,--labels", options->labels, "The labels, separated by commas").type_name("LIST").required();
  command.add_flag("--multi-label", options->zero_shot.multi_label, "Score every label for itself; otherwise the scores of a text add up to 1");
  command
      .add_option("--hypothesis-template", options->zero_shot.hypothesis_template,
                  "The sentence that a label makes in place of {}; default \"This example is {}.\"")
      .type_name("TEXT")
      .check([](const std::string& text) {
        const auto place = text.find("{}");
        return place != std::string::npos && text.find("{}", place + 2) == std::string::npos ? std::string()
                                                                                             : "expected one {}, where the label goes, got \"" + text + "\"";
      });
  command.add_option("-k,--top-k", options->top_k, "Labels to report, best first; 0: all, the default").type_name("N").check(check_count);
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
