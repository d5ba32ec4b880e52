// berth encode: sentence embeddings, and every token's last hidden state with --tokens.
#include <algorithm>
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr const char* kDefaultModel = "intent";
constexpr std::size_t kTokenEmbeddingBytes = std::size_t{64} << 20;  // of a chunk, with --tokens

struct Options {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  bool tokens = false;
};

void append_tokens(std::string& out, std::span<const float> values, std::size_t hidden_size) {
  out += "\"token_embeddings\":[";
  for (std::size_t i = 0; i + hidden_size <= values.size(); i += hidden_size) {
    if (i > 0) out += ',';
    append_array(out, values.subspan(i, hidden_size));
  }
  out += "],";
}

std::string people_line(const Record& record, std::span<const float> embedding, const Row& row, int columns) {
  constexpr std::size_t kShown = 4;
  std::string values = "[";
  for (std::size_t i = 0; i < std::min(kShown, embedding.size()); ++i) {
    const std::string number = fixed(static_cast<double>(embedding[i]), 4);
    values += (i > 0 ? ", " : "") + std::string(number.starts_with('-') ? "" : " ") + number;
  }
  values += embedding.size() > kShown ? ", … " + std::to_string(embedding.size()) + " values]  " : "]  ";
  return values + describe(record, row.truncated != 0, columns - display_width(values)) + "\n";
}

class Encoder {
 public:
  Encoder(const Model& model, const Options& options, Output& output) : model_(model), options_(options), output_(output) {
    run_options_.max_length = options.limits.max_length;
    run_options_.batch_tokens = options.limits.batch_tokens;
  }

  ChunkLimits limits() const {
    ChunkLimits result = chunk_limits(options_.limits);
    if (options_.tokens) {
      const std::size_t row_bytes = std::max<std::size_t>(1, model_.max_length() * model_.hidden_size() * sizeof(float));
      result.rows = std::clamp<std::size_t>(kTokenEmbeddingBytes / row_bytes, 1, result.rows);
    }
    return result;
  }

  void operator()(std::span<const Record> records) const {
    const auto inputs = inputs_of(records);
    if (options_.tokens) {
      const TokenEmbeddings tokens = model_.encode_tokens(inputs, run_options_);
      for (std::size_t i = 0; i < records.size(); ++i) write(records[i], tokens.embeddings()[i], tokens.embeddings().rows[i], tokens[i]);
    } else {
      const Matrix embeddings = model_.encode(inputs, run_options_);
      for (std::size_t i = 0; i < records.size(); ++i) write(records[i], embeddings[i], embeddings.rows[i], {});
    }
  }

 private:
  void write(const Record& record, std::span<const float> embedding, const Row& row, std::span<const float> tokens) const {
    require_finite(embedding, record);
    require_finite(tokens, record);
    if (output_.people()) return output_.write(people_line(record, embedding, row, output_.columns()));
    std::string out = "{";
    append_texts(out, record);
    out += "\"embedding\":";
    append_array(out, embedding);
    out += ',';
    if (options_.tokens) append_tokens(out, tokens, model_.hidden_size());
    append_row(out, row.tokens, row.truncated != 0);
    output_.write(out + "}\n");
  }

  const Model& model_;
  const Options& options_;
  Output& output_;
  RunOptions run_options_;
};

void run(const Options& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, kDefaultModel);
  Output output(options.text.json, options.text.table);
  const Encoder encoder(model, options, output);
  for_each_chunk(source, output, encoder.limits(), encoder);
}

}  // namespace

void add_encode(CommandLine& line) {
  CLI::App* app = line.app.add_subcommand("encode", "Turn texts into embeddings");
  const auto options = std::make_shared<Options>();
  add_model_options(*app, options->model, kDefaultModel);
  add_run_options(*app, options->limits);
  app->add_flag("--tokens", options->tokens, "Add the last hidden state of every token (JSON output)");
  add_text_options(*app, options->text);
  app->callback([&line, app, options] { line.run = [=, texts = text_arguments(line, *app)] { run(*options, texts); }; });
}

}  // namespace berth::cli
