// berth answer: what in a context answers a question, by a question-answering head.
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr Fields kFields{.text = "question", .pair = "context", .needs_pair = true, .option = "--question"};

struct AnswerCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  AnswerOptions answer;
  std::optional<std::string> question;
};

// The `which`th of every token's two logits.
void append_logits(std::string& out, const char* name, std::span<const float> logits, std::size_t which) {
  std::vector<float> values;
  for (std::size_t i = which; i < logits.size(); i += 2) values.push_back(logits[i]);
  out.append("\"").append(name).append("\":");
  append_array(out, values);
  out += ',';
}

std::string json_line(const Record& record, const Findings& found, std::size_t row, const AnswerOptions& options) {
  std::string out = "{";
  append_texts(out, record);
  apps::append_answers(out, found[row], options.top_k);
  out += ',';
  if (options.raw_scores) {
    append_logits(out, "start_logits", found.logits(row), 0);
    append_logits(out, "end_logits", found.logits(row), 1);
  }
  append_row(out, found.rows()[row], true);
  return out + "}\n";
}

// The question, then its answers.
std::string answer_lines(const Record& record, const Findings& found, std::size_t row, int columns) {
  std::string out = describe(record, found.rows()[row], columns) + "\n";
  if (found[row].empty()) out += "  (the context is empty)\n";
  for (const berth_finding& answer : found[row]) {
    const std::string cell = "  " + score_cell(answer.score) + "  ";
    std::string text = "tokens " + std::to_string(answer.first_token) + " to " + std::to_string(answer.last_token);
    if (answer.text.data != nullptr) text = answer.text.size == 0 ? "(no answer)" : std::string(answer.text.data, answer.text.size);
    out += cell + one_line(text, columns - display_width(cell)) + "\n";
  }
  return out;
}

void run(AnswerCommand options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments), kFields, options.question);
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  options.answer.max_length = options.limits.max_length;
  options.answer.batch_tokens = options.limits.batch_tokens;
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Findings found = model.answer(inputs_of(records), options.answer);
    for (std::size_t i = 0; i < records.size(); ++i)
      output.write(output.people() ? answer_lines(records[i], found, i, output.columns()) : json_line(records[i], found, i, options.answer));
  });
}

}  // namespace

void add_answer(CommandLine& line) {
  Command command = line.add_command("answer", "Find the answers to questions in their contexts, with a question-answering model");
  const auto options = std::make_shared<AnswerCommand>();
  add_model_options(command, options->model, "");
  add_max_length_option(command, options->limits.max_length, "Tokens of a window, question included; default: 384, or the model's limit where that is less");
  add_batch_tokens_option(command, options->limits.batch_tokens);
  command.add_option("-q,--question", options->question, "The question to contexts given as arguments, or of JSON lines without one").type_name("TEXT");
  command.add_option("-k,--top-k", options->answer.top_k, "Answers to report, best first; default 1").type_name("N").check(check_limit);
  command.add_option("--max-answer-length", options->answer.max_answer_tokens, "Tokens of an answer, at most; default 15").type_name("N").check(check_limit);
  command.add_option("--stride", options->answer.stride, "Tokens that the windows of a long context share; default 128, or half a window where that is less")
      .type_name("N")
      .check(check_positive);
  command.add_flag("--allow-no-answer", options->answer.impossible, "Report that there is no answer where the model finds that more likely");
  command.add_flag("--raw-scores", options->answer.raw_scores, "Report every token's logits, too, of being an answer's first and its last");
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
