// berth rerank: texts in the order in which they answer a query, by a cross-encoder or by late interaction.
#include <memory>
#include <utility>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr Fields kFields{.text = "query", .pair = "texts", .needs_pair = true, .many_pairs = true, .option = "--query"};

struct RerankCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  std::optional<std::string> query;
  std::size_t top_k = 0;
  bool raw_scores = false;
  bool return_texts = false;
  bool max_similarity = false;
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
  Row row{};  // of all together
};

std::string json_line(const Record& record, const Ranking& ranking, bool return_texts, bool windows) {
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
  append_row(out, ranking.row, windows);
  return out + "}\n";
}

std::string people_lines(const Record& record, const Ranking& ranking, int columns) {
  std::string out = describe(record, ranking.row.truncated != 0, columns) + "\n";
  for (const std::size_t i : ranking.order) {
    const std::string cell = "  " + score_cell(ranking.scores[i]) + "  ";
    out += cell + one_line(i < record.texts.size() ? record.texts[i] : "row " + std::to_string(i), columns - display_width(cell)) + "\n";
  }
  return out;
}

// One line's scores, and what became of its texts.
struct Scored {
  std::vector<float> scores;
  std::vector<Row> rows;
};

// All pairs of all lines together, so that batches are full.
std::vector<Scored> score_pairs(const Model& model, const RerankCommand& options, std::span<const Record> records) {
  RunOptions run_options;
  run_options.max_length = options.limits.max_length;
  run_options.batch_tokens = options.limits.batch_tokens;
  run_options.raw_scores = options.raw_scores;
  run_options.long_text = options.limits.long_text_mode();
  run_options.stride = options.limits.stride;
  run_options.window_scores = options.limits.window_scores;
  std::vector<Input> inputs;
  for (const Record& record : records) append_inputs(inputs, record);
  const Matrix scores = model.rerank(inputs, run_options);
  std::vector<Scored> all;
  auto value = scores.values.begin();
  auto row = scores.rows.begin();
  for (const Record& record : records) {
    const auto count = static_cast<std::ptrdiff_t>(candidates(record));
    all.push_back({{value, value + count}, {row, row + count}});
    value += count;
    row += count;
  }
  return all;
}

// Line by line: the query's vectors are made once.
std::vector<Scored> score_late(const Model& model, const RerankCommand& options, std::span<const Record> records) {
  VectorOptions vector_options;
  vector_options.max_length = options.limits.max_length;
  vector_options.batch_tokens = options.limits.batch_tokens;
  vector_options.long_text = options.limits.long_text_mode();
  vector_options.stride = options.limits.stride;
  std::vector<Scored> all;
  for (const Record& record : records) {
    if (!record.id_rows.empty()) throw Error(BERTH_INVALID_ARGUMENT, "ids are of pairs; late interaction takes \"query\" and \"texts\"");
    const std::vector<Input> texts(record.texts.begin(), record.texts.end());
    Row query_row{};
    Matrix scores = model.rerank_late(record.text, texts, vector_options, &query_row);
    scores.rows.push_back(query_row);
    all.push_back({std::move(scores.values), std::move(scores.rows)});
  }
  return all;
}

void run(const RerankCommand& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments), kFields, options.query);
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  const bool late = options.max_similarity || (model.num_labels() == 0 && (model.vector_kinds() & BERTH_MULTI) != 0);
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    const std::vector<Scored> all = late ? score_late(model, options, records) : score_pairs(model, options, records);
    for (std::size_t i = 0; i < records.size(); ++i) {
      Ranking ranking{.scores = all[i].scores, .order = best(all[i].scores, options.top_k)};
      for (const Row& row : all[i].rows) {
        ranking.row.tokens += row.tokens;
        ranking.row.truncated |= row.truncated;
        ranking.row.windows += row.windows;
      }
      output.write(output.people() ? people_lines(records[i], ranking, output.columns())
                                   : json_line(records[i], ranking, options.return_texts, options.limits.windows()));
    }
  });
}

}  // namespace

void add_rerank(CommandLine& line) {
  Command command = line.add_command("rerank", "Sort texts by how well they answer a query, with a cross-encoder or by late interaction");
  const auto options = std::make_shared<RerankCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits);
  add_window_scores_option(command, options->limits.window_scores, "max");
  command.add_option("-q,--query", options->query, "The query of texts given as arguments, or of JSON lines without one").type_name("TEXT");
  command.add_option("-k,--top-k", options->top_k, "Texts to report, best first; 0: all, the default").type_name("N").check(check_count);
  command.add_flag("--return-texts", options->return_texts, "Report the texts besides their numbers");
  command.add_flag("--raw-scores", options->raw_scores, "Report the head's logits instead of scores");
  command.add_flag(
      "--maxsim", options->max_similarity,
      "Score by late interaction: the sum over the query's vectors of the best product with any of the text's; the default for models made for it");
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
