// berth similarity: cosines between the embeddings of texts.
//
// Two ways to use it. Single texts: every text against every text, one line of the matrix per text. Lines with "text" and "text_pair": the two
// texts of each line against each other, streamed.
#include <algorithm>
#include <memory>
#include <numeric>

#include "apps/cli/commands.hpp"
#include "apps/cli/embeddings.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/metrics.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr int kCellWidth = 7;  // of the table: " -0.123"
constexpr int kMinTextColumns = 24;
constexpr std::size_t kNearest = 3;  // shown per text where the table would be too wide

struct SimilarityCommand {
  ModelOptions model;
  RunLimits limits;
  EmbeddingOptions embedding;
  TextOptions text;
};

std::string score(float value) {
  const std::string digits = fixed(static_cast<double>(value), 3);
  return std::string(static_cast<std::size_t>(std::max(0, kCellWidth - static_cast<int>(digits.size()))), ' ') + digits;
}

std::string number_cell(std::size_t index) {
  const std::string digits = std::to_string(index + 1);
  return std::string(static_cast<std::size_t>(std::max(0, kCellWidth - static_cast<int>(digits.size()))), ' ') + digits;
}

// Texts with their unit embeddings.
struct Collected {
  std::vector<Record> records;
  std::vector<Row> rows;
  std::size_t columns = 0;
  std::vector<float> values;  // [records, columns]

  std::span<const float> operator[](std::size_t row) const { return {values.data() + row * columns, columns}; }
  std::vector<float> cosines(std::size_t row) const {
    std::vector<float> result;
    result.reserve(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) result.push_back(static_cast<float>(cosine((*this)[row], (*this)[i])));
    return result;
  }
};

void write_json(const Collected& all, bool windows, Output& output) {
  for (std::size_t i = 0; i < all.records.size(); ++i) {
    std::string out = "{";
    append_texts(out, all.records[i]);
    out += "\"similarities\":";
    append_array(out, all.cosines(i));
    out += ',';
    append_row(out, all.rows[i], windows);
    output.write(out + "}\n");
  }
}

void write_table(const Collected& all, Output& output) {
  const int index_columns = static_cast<int>(std::to_string(all.records.size()).size());
  const int cells = kCellWidth * static_cast<int>(all.records.size());
  int text_columns = 0;
  for (std::size_t i = 0; i < all.records.size(); ++i) text_columns = std::max(text_columns, display_width(describe(all.records[i], all.rows[i], 60)));
  text_columns = std::min(text_columns, output.columns() - cells - index_columns - 2);

  std::string out(static_cast<std::size_t>(index_columns + 2 + text_columns), ' ');
  for (std::size_t i = 0; i < all.records.size(); ++i) out += number_cell(i);
  output.write(out + "\n");
  for (std::size_t i = 0; i < all.records.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    out = std::string(static_cast<std::size_t>(index_columns) - number.size(), ' ') + number + "  ";
    out += pad_right(describe(all.records[i], all.rows[i], text_columns), text_columns);
    for (const float value : all.cosines(i)) out += score(value);
    output.write(out + "\n");
  }
}

void write_nearest(const Collected& all, Output& output) {
  for (std::size_t i = 0; i < all.records.size(); ++i) {
    output.write(describe(all.records[i], all.rows[i], output.columns()) + "\n");
    const auto cosines = all.cosines(i);
    std::vector<std::size_t> order(all.records.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
    const auto kept = order.begin() + static_cast<std::ptrdiff_t>(std::min(kNearest, order.size()));
    std::partial_sort(order.begin(), kept, order.end(),
                      [&](std::size_t a, std::size_t b) { return cosines[a] != cosines[b] ? cosines[a] > cosines[b] : a < b; });
    for (auto j = order.begin(); j != kept; ++j)
      output.write(score(cosines[*j]) + "  " + describe(all.records[*j], false, output.columns() - kCellWidth - 2) + "\n");
  }
}

void write_pairs(const Model& model, const RunOptions& run_options, std::span<const Record> records, Output& output) {
  std::vector<Input> inputs;
  inputs.reserve(2 * records.size());
  for (const Record& record : records) {
    inputs.emplace_back(record.text);
    inputs.emplace_back(*record.text_pair);
  }
  const Matrix embeddings = model.encode(inputs, run_options);
  for (std::size_t i = 0; i < records.size(); ++i) {
    require_finite(embeddings[2 * i], records[i]);
    require_finite(embeddings[2 * i + 1], records[i]);
    const auto value = static_cast<float>(cosine(embeddings[2 * i], embeddings[2 * i + 1]));
    const Row &first = embeddings.rows[2 * i], &second = embeddings.rows[2 * i + 1];
    const bool truncated = first.truncated != 0 || second.truncated != 0;
    if (output.people()) {
      output.write(score(value) + "  " + describe(records[i], truncated, output.columns() - kCellWidth - 2) + "\n");
      continue;
    }
    std::string out = "{";
    append_texts(out, records[i]);
    out += "\"similarity\":";
    append_number(out, value);
    out += ',';
    append_row(out, Row{.tokens = first.tokens + second.tokens, .truncated = truncated ? 1U : 0U, .windows = first.windows + second.windows},
               run_options.long_text == "window");
    output.write(out + "}\n");
  }
}

void collect(const Model& model, const RunOptions& run_options, std::span<const Record> records, Collected& all) {
  const Matrix embeddings = model.encode(inputs_of(records), run_options);
  for (std::size_t i = 0; i < records.size(); ++i) require_finite(embeddings[i], records[i]);
  all.columns = embeddings.columns;
  all.records.insert(all.records.end(), records.begin(), records.end());
  all.rows.insert(all.rows.end(), embeddings.rows.begin(), embeddings.rows.end());
  all.values.insert(all.values.end(), embeddings.values.begin(), embeddings.values.end());
}

void run(const SimilarityCommand& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, kDefaultEncoder);
  Output output(options.text.json, options.text.table);
  const RunOptions run_options = cli::run_options(model, options.limits, options.embedding);
  Collected all;
  std::optional<bool> pairs;  // decided by the first line
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    // Rows of the other kind end the run, after those before them.
    if (!pairs) pairs = records.front().text_pair.has_value();
    const auto other = std::find_if(records.begin(), records.end(), [&](const Record& record) { return record.text_pair.has_value() != *pairs; });
    const auto same = records.first(static_cast<std::size_t>(other - records.begin()));
    if (!same.empty()) {
      if (*pairs)
        write_pairs(model, run_options, same, output);
      else
        collect(model, run_options, same, all);
    }
    if (other != records.end())
      throw DataError(other->where + (*pairs ? ": has no \"text_pair\", but the first line has one" : ": has a \"text_pair\", but the first line has none"));
  });
  if (!output.people())
    write_json(all, options.limits.windows(), output);
  else if (output.columns() >= kMinTextColumns + kCellWidth * static_cast<int>(std::min<std::size_t>(all.records.size(), 1000)))
    write_table(all, output);
  else
    write_nearest(all, output);
  output.flush();
}

}  // namespace

void add_similarity(CommandLine& line) {
  Command command = line.add_command("similarity", "Compare texts: every text with every text, or the two texts of each JSON line");
  const auto options = std::make_shared<SimilarityCommand>();
  add_model_options(command, options->model, kDefaultEncoder);
  add_run_options(command, options->limits);
  add_truncate_dim_option(command, options->embedding);
  add_prompt_options(command, options->embedding);
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
