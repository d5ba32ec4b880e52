// berth rerank: texts in the order in which they answer a query, by a cross-encoder.
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr Fields kFields{.text = "query", .pair = "texts", .needs_pair = true, .many_pairs = true, .option = "--query"};

struct Options {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  std::optional<std::string> query;
  std::size_t top_k = 0;
  bool raw_scores = false;
  bool return_texts = false;
};

std::size_t candidates(const Record& record) { return record.texts.size() + record.id_rows.size(); }  // one of the two is empty

void append_inputs(std::vector<Input>& inputs, const Record& record) {
  for (const std::string& text : record.texts) inputs.emplace_back(record.text, text);
  for (std::size_t i = 0; i < record.id_rows.size(); ++i) inputs.push_back(Input::from_ids(record.id_rows[i], record.type_rows[i]));
}

// What one line's candidates came to.
struct Ranking {
  std::span<const float> scores;
  std::vector<std::size_t> order;
  std::uint64_t tokens = 0;
  bool truncated = false;
};

std::string json_line(const Record& record, const Ranking& ranking, bool return_texts) {
  std::string out = "{";
  append_texts(out, record);
  out += "\"results\":[";
  for (const std::size_t i : ranking.order) {
    if (out.back() != '[') out += ',';
    out += "{\"index\":";
    append_number(out, std::uint64_t{i});
    out += ",\"score\":";
    append_number(out, ranking.scores[i]);
    if (return_texts && i < record.texts.size()) {
      out += ",\"text\":";
      append_string(out, record.texts[i]);
    }
    out += '}';
  }
  out += "],";
  append_row(out, ranking.tokens, ranking.truncated);
  return out + "}\n";
}

std::string people_lines(const Record& record, const Ranking& ranking, int columns) {
  std::string out = describe(record, ranking.truncated, columns) + "\n";
  for (const std::size_t i : ranking.order) {
    const std::string cell = "  " + score_cell(ranking.scores[i]) + "  ";
    out += cell + one_line(i < record.texts.size() ? record.texts[i] : "row " + std::to_string(i), columns - display_width(cell)) + "\n";
  }
  return out;
}

void run(const Options& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments), kFields, options.query);
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  RunOptions run_options;
  run_options.max_length = options.limits.max_length;
  run_options.batch_tokens = options.limits.batch_tokens;
  run_options.raw_scores = options.raw_scores;
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    std::vector<Input> inputs;
    for (const Record& record : records) append_inputs(inputs, record);
    const Matrix scores = model.rerank(inputs, run_options);
    std::size_t first = 0;
    for (const Record& record : records) {
      const std::size_t count = candidates(record);
      Ranking ranking{.scores = std::span<const float>(scores.values).subspan(first, count), .order = {}};
      ranking.order = best(ranking.scores, options.top_k);
      for (std::size_t i = first; i < first + count; ++i) {
        ranking.tokens += scores.rows[i].tokens;
        ranking.truncated |= scores.rows[i].truncated != 0;
      }
      first += count;
      output.write(output.people() ? people_lines(record, ranking, output.columns()) : json_line(record, ranking, options.return_texts));
    }
  });
}

}  // namespace

void add_rerank(CommandLine& line) {
  CLI::App* app = line.app.add_subcommand("rerank", "Sort texts by how well they answer a query, with a cross-encoder");
  const auto options = std::make_shared<Options>();
  add_model_options(*app, options->model, "");
  add_run_options(*app, options->limits);
  app->add_option("-q,--query", options->query, "The query of texts given as arguments, or of JSON lines without one")->type_name("TEXT");
  app->add_option("-k,--top-k", options->top_k, "Texts to report, best first; 0: all, the default")->type_name("N")->check(check_count);
  app->add_flag("--return-texts", options->return_texts, "Report the texts besides their numbers");
  app->add_flag("--raw-scores", options->raw_scores, "Report the head's logits instead of scores");
  add_text_options(*app, options->text);
  app->callback([&line, app, options] { line.run = [=, texts = text_arguments(line, *app)] { run(*options, texts); }; });
}

}  // namespace berth::cli
