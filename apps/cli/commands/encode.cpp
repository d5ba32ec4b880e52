// berth encode: sentence embeddings, as floats or in fewer bits; sparse vectors; a vector for each token; every token's last hidden state
// with --tokens.
#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/cli/commands.hpp"
#include "apps/cli/embeddings.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"
#include "apps/cli/stream.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kTokenEmbeddingBytes = std::size_t{64} << 20;  // of a chunk, with --tokens

struct EncodeCommand {
  ModelOptions model;
  RunLimits limits;
  EmbeddingOptions embedding;
  QuantizeOptions quantize;
  TextOptions text;
  StreamOptions stream;
  std::size_t max_active_dims = 0;
  bool dense = false;
  bool sparse = false;
  bool multi = false;
  std::string role;  // "query", "document", or what that is by default: ""
  bool tokens = false;

  unsigned kinds() const { return (dense ? unsigned{BERTH_DENSE} : 0U) | (sparse ? unsigned{BERTH_SPARSE} : 0U) | (multi ? unsigned{BERTH_MULTI} : 0U); }
};

// What there is to write of one row.
struct RowVectors {
  std::span<const float> embedding;  // these are empty where they are not wanted
  std::span<const berth_sparse_value> sparse;
  std::span<const float> multi;
  std::size_t multi_size = 0;
  std::span<const float> tokens;
  Row row;
};

std::string cell(float value) {
  const std::string number = fixed(static_cast<double>(value), 4);
  return (number.starts_with('-') ? "" : " ") + number;
}
std::string cell(std::int32_t value) {
  const std::string number = std::to_string(value);
  return std::string(number.size() < 4 ? 4 - number.size() : 0, ' ') + number;
}

// The first values of an embedding, for people.
template <class Value>
std::string some_values(std::span<const Value> embedding) {
  constexpr std::size_t kShown = 4;
  std::string values = "[";
  for (std::size_t i = 0; i < std::min(kShown, embedding.size()); ++i) values += (i > 0 ? ", " : "") + cell(embedding[i]);
  return values + (embedding.size() > kShown ? ", … " + std::to_string(embedding.size()) + " values]  " : "]  ");
}

class Encoder {
 public:
  Encoder(const Model& model, const EncodeCommand& options, Stream& stream)
      : model_(model),
        options_(options),
        stream_(stream),
        tokenizer_(model.tokenizer()),
        run_options_(run_options(model, options.limits, options.embedding)),
        kinds_(options.kinds() == 0 && !options.tokens ? model.default_vector_kind() : options.kinds()),
        quantizer_(quantize_options(), model.embedding_size(run_options_)) {
    if (!options.role.empty() && (kinds_ & BERTH_MULTI) == 0 && !nlohmann::json::parse(model.info()).contains("queries"))
      throw UsageError("--role is for a vector for each token, which is not asked for, and for directories with a model of its own for queries");
    run_options_.query = options.role == "query";
    if (options.max_active_dims > 0 && (kinds_ & BERTH_SPARSE) == 0) throw UsageError("--max-active-dims is for sparse vectors, which are not asked for");
  }

  // What a file of embeddings alone holds; nothing where there are other vectors.
  std::optional<Stream::Matrix> matrix() const {
    if (options_.tokens || kinds_ != BERTH_DENSE) return std::nullopt;
    const std::size_t dimensions = model_.embedding_size(run_options_);
    const std::vector<float> zeros(dimensions);
    return Stream::Matrix{quantizer_.numpy_type(), quantizer_.columns(dimensions), quantizer_.bytes(zeros).size()};
  }

  ChunkLimits limits() const {
    ChunkLimits result = chunk_limits(options_.limits);
    if (options_.tokens || (kinds_ & BERTH_MULTI) != 0) {
      const std::size_t row_bytes = std::max<std::size_t>(1, model_.max_length() * model_.hidden_size() * sizeof(float));
      result.rows = std::clamp<std::size_t>(kTokenEmbeddingBytes / row_bytes, 1, result.rows);
    }
    return result;
  }

  void operator()(std::span<const Record> records) const {
    const auto inputs = inputs_of(records);
    if (options_.tokens) {
      const TokenEmbeddings tokens = model_.encode_tokens(inputs, run_options_);
      const Matrix& embeddings = tokens.embeddings();
      write(records, [&](std::size_t i) -> RowVectors {
        return {.embedding = embeddings[i], .sparse = {}, .multi = {}, .tokens = tokens[i], .row = embeddings.rows[i]};
      });
    } else if (kinds_ == BERTH_DENSE) {
      const Matrix embeddings = model_.encode(inputs, run_options_);
      write(records,
            [&](std::size_t i) -> RowVectors { return {.embedding = embeddings[i], .sparse = {}, .multi = {}, .tokens = {}, .row = embeddings.rows[i]}; });
    } else {
      const Vectors vectors = model_.encode_vectors(inputs, vector_options());
      write(records, [&](std::size_t i) -> RowVectors {
        return {.embedding = vectors.dense(i),
                .sparse = vectors.sparse(i),
                .multi = vectors.multi(i),
                .multi_size = vectors.multi_size(),
                .tokens = {},
                .row = vectors.rows()[i]};
      });
    }
  }

 private:
  const QuantizeOptions& quantize_options() const {
    if (options_.quantize.type != "float32" && (kinds_ & BERTH_DENSE) == 0 && !options_.tokens)
      throw UsageError("--output-type is for embeddings, which are not among what is asked for");
    return options_.quantize;
  }

  VectorOptions vector_options() const {
    return {.kinds = kinds_,
            .max_length = run_options_.max_length,
            .batch_tokens = run_options_.batch_tokens,
            .truncate_dim = run_options_.truncate_dim,
            .normalize = run_options_.normalize,
            .max_active_dims = options_.max_active_dims,
            .query = options_.role == "query",
            .long_text = run_options_.long_text,
            .stride = run_options_.stride,
            .prompt_name = run_options_.prompt_name,
            .prompt = run_options_.prompt};
  }

  template <class Of>
  void write(std::span<const Record> records, const Of& vectors_of) const {
    stream_.write_rows(records.size(), [&](std::size_t i, std::string& line) { append_row_of(line, records[i], vectors_of(i)); });
  }

  void append_row_of(std::string& line, const Record& record, const RowVectors& vectors) const {
    require_finite(vectors.embedding, record);
    require_finite(vectors.tokens, record);
    if (stream_.output().people()) return append_for_people(line, record, vectors);
    if (stream_.format() == OutputFormat::npy) {
      line += quantizer_.bytes(vectors.embedding);
      return;
    }
    Answer answer;
    std::string& out = answer.json;
    if (stream_.wants_cells()) {
      std::string embedding;
      quantizer_.append(embedding, vectors.embedding);
      if (options_.quantize.base64) embedding = embedding.substr(1, embedding.size() - 2);
      answer.cells = {std::move(embedding), std::to_string(vectors.row.tokens), vectors.row.truncated != 0 ? "true" : "false"};
      return stream_.append_line(line, record, answer);
    }
    if (!vectors.embedding.empty()) {
      out += "\"embedding\":";
      quantizer_.append(out, vectors.embedding);
      out += ',';
    }
    if ((kinds_ & BERTH_SPARSE) != 0) append_sparse(out, vectors.sparse);
    if ((kinds_ & BERTH_MULTI) != 0) {
      out += "\"multi_vector\":";
      append_matrix(out, vectors.multi, vectors.multi_size);
      out += ',';
    }
    if (options_.tokens) {
      out += "\"token_embeddings\":";
      append_matrix(out, vectors.tokens, model_.hidden_size());
      out += ',';
    }
    append_row(out, vectors.row, options_.limits.windows());
    stream_.append_line(line, record, answer);
  }

  void append_for_people(std::string& out, const Record& record, const RowVectors& vectors) const {
    std::string line;
    if (!vectors.embedding.empty())
      line = quantizer_.floats() ? some_values(vectors.embedding) : some_values(std::span<const std::int32_t>(quantizer_(vectors.embedding)));
    if ((kinds_ & BERTH_SPARSE) != 0) line += heaviest(vectors.sparse);
    if ((kinds_ & BERTH_MULTI) != 0)
      line += "[" + std::to_string(vectors.multi.size() / std::max<std::size_t>(1, vectors.multi_size)) + " x " + std::to_string(vectors.multi_size) + "]  ";
    out += line + describe(record, vectors.row, stream_.output().columns() - display_width(line)) + "\n";
  }

  std::string_view token(std::uint32_t id) const { return tokenizer_ ? tokenizer_->token(static_cast<std::int32_t>(id)) : std::string_view(); }

  void append_sparse(std::string& out, std::span<const berth_sparse_value> values) const {
    out += "\"sparse\":[";
    for (const berth_sparse_value& value : values) {
      if (out.back() != '[') out += ',';
      out += "{\"index\":";
      append_number(out, std::uint64_t{value.index});
      if (const std::string_view text = token(value.index); !text.empty()) {
        out += ",\"token\":";
        append_string(out, text);
      }
      out += ",\"value\":";
      append_number(out, value.value);
      out += '}';
    }
    out += "],";
  }

  // The largest values of a sparse vector, for people.
  std::string heaviest(std::span<const berth_sparse_value> values) const {
    constexpr std::size_t kShown = 4;
    std::vector<float> weights;
    for (const berth_sparse_value& value : values) weights.push_back(value.value);
    std::string out = "{";
    for (const std::size_t i : best(weights, kShown)) {
      const std::string_view text = token(values[i].index);
      out +=
          (out.size() > 1 ? ", " : "") + (text.empty() ? std::to_string(values[i].index) : std::string(text)) + " " + fixed(static_cast<double>(weights[i]), 2);
    }
    return out + (values.size() > kShown ? ", … " + std::to_string(values.size()) + " values}  " : "}  ");
  }

  const Model& model_;
  const EncodeCommand& options_;
  Stream& stream_;
  std::optional<Tokenizer> tokenizer_;
  RunOptions run_options_;
  unsigned kinds_;
  Quantizer quantizer_;
};

void run(const EncodeCommand& options, std::vector<std::string> arguments) {
  if (options.tokens && (options.sparse || options.multi)) throw UsageError("--tokens goes with embeddings, not with --sparse or --multi-vector");
  Stream stream(options.text, options.stream, std::move(arguments), options.model.threads);
  const Model model = load_model(options.model, kDefaultEncoder);
  const Encoder encoder(model, options, stream);
  const auto matrix = encoder.matrix();
  if (stream.wants_cells() && !matrix) throw UsageError("--output-format: CSV and TSV have one column for one embedding");
  const EmbeddingOptions& embedding = options.embedding;
  stream.open_output({"embedding", "tokens", "truncated"},
                     "encode " + model_directory(options.model, kDefaultEncoder) + " " + options.model.precision + " " + options.quantize.type + " " +
                         options.quantize.ranges + (options.quantize.base64 ? " base64 " : " ") + std::to_string(embedding.truncate_dim) +
                         (embedding.normalize ? " normalize " : " ") + embedding.prompt_name + " " + embedding.prompt.value_or("") + " " +
                         std::to_string(options.limits.max_length) + " " + options.limits.long_text_mode() + " " + std::to_string(options.limits.stride) + " " +
                         std::to_string(options.kinds()) + " " + (options.role == "query" ? "query" : "document") + " " +
                         std::to_string(options.max_active_dims) + (options.tokens ? " tokens" : "") + options.model.adapter_text(),
                     matrix);
  stream.run(encoder.limits(), encoder);
}

}  // namespace

void add_encode(CommandLine& line) {
  Command command = line.add_command("encode", "Turn texts into embeddings: dense, sparse, or one a token");
  const auto options = std::make_shared<EncodeCommand>();
  add_model_options(command, options->model, kDefaultEncoder);
  add_run_options(command, options->limits);
  add_embedding_options(command, options->embedding);
  add_prompt_options(command, options->embedding);
  add_quantize_options(command, options->quantize);
  command.add_flag("--dense", options->dense, "One embedding a text, the default where the directory does not say otherwise; may be combined");
  command.add_flag("--sparse", options->sparse, "Weights of vocabulary entries: SPLADE, with a masked-language model");
  command.add_flag("--multi-vector", options->multi, "A vector for each token: late interaction, with a ColBERT-style model");
  command.add_option("--role", options->role, "The texts are each a query or, the default, a document: for --multi-vector, and with a Router")
      .type_name("query|document")
      .check(
          [](const std::string& text) { return text == "query" || text == "document" ? std::string() : "expected query or document, got \"" + text + "\""; });
  command.add_option("--max-active-dims", options->max_active_dims, "Keep the N largest values of a sparse vector; 0, the default: all")
      .type_name("N")
      .check(check_count);
  command.add_flag("--tokens", options->tokens, "Add the last hidden state of every token (JSON output)");
  add_text_options(command, options->text);
  add_stream_options(command, options->stream, Npy::yes);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
