// berth: inference for BERT-style encoders on CPUs. The C++ interface.
//
//   berth::Model model = berth::Model::load("weights/sentiment");
//   auto result = model.classify({"A delightful film."});
//   std::cout << model.label(result.best(0)) << '\n';
//
// A header-only layer over berth.h: only C types cross the library's boundary, so the library and its user may be built with different
// compilers, standard libraries and exception settings. A Model never changes after loading: any number of threads may call it at once.
// Every failure is a berth::Error whose message names the file, field and value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <berth/berth.h>

namespace berth {

class Error : public std::runtime_error {
 public:
  Error(berth_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  berth_status status() const noexcept { return status_; }

 private:
  berth_status status_;
};

namespace detail {
inline void check(berth_status status) {
  if (status != BERTH_OK) throw Error(status, berth_last_error());
}
inline berth_string view(std::string_view text) { return {text.data() == nullptr ? "" : text.data(), text.size()}; }
inline void check_size(const char* name, std::size_t have, std::size_t want) {
  if (have != want)
    throw Error(BERTH_INVALID_ARGUMENT, std::string(name) + " has " + std::to_string(have) + " entries, " + std::to_string(want) + " are needed");
}
}  // namespace detail

// One row: a text, a pair of texts, or token ids used as they are. Borrows what it is made from.
struct Input {
  Input(std::string_view text_) : text(text_) {}
  Input(const std::string& text_) : text(text_) {}
  Input(const char* text_) : text(text_) {}
  Input(std::string_view text_, std::string_view pair) : text(text_), text_pair(pair) {}
  static Input from_ids(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids = {}) {
    Input input{std::string_view{}};
    input.ids = ids;
    input.type_ids = type_ids;
    return input;
  }

  std::string_view text;
  std::optional<std::string_view> text_pair;
  std::optional<std::span<const std::int32_t>> ids;
  std::span<const std::int32_t> type_ids;  // empty, or as many as ids

  berth_input c_input() const {
    if (ids && !type_ids.empty() && type_ids.size() != ids->size())
      throw Error(BERTH_INVALID_ARGUMENT, "type_ids has " + std::to_string(type_ids.size()) + " entries, ids has " + std::to_string(ids->size()));
    static constexpr std::int32_t kNone = 0;  // an empty ids row still needs a non-null pointer
    berth_input input{};
    input.text = detail::view(text);
    if (text_pair) input.text_pair = detail::view(*text_pair);
    if (ids) {
      input.ids = ids->empty() ? &kNone : ids->data();
      input.ids_size = ids->size();
      input.type_ids = type_ids.empty() ? nullptr : type_ids.data();
    }
    return input;
  }
};

struct LoadOptions {
  int threads = 0;             // 0: min(affinity, cgroup CPU quota), lowered by OMP_NUM_THREADS
  std::string precision = {};  // "fp32", "bf16", "int8" or "auto"; empty: fp32
  std::string isa = {};        // caps the instruction set; empty: BERTH_ISA, else the best this CPU has
  bool mmap = true;            // false: copy the files' tensors instead of mapping them
  std::string adapter = {};    // one of the directory's own (LoRA), or the directory of one that PEFT saved; empty: none
};

struct RunOptions {
  std::size_t max_length = 0;              // lowers the model's limit, in tokens; 0: the limit itself
  std::size_t batch_tokens = 0;            // rows run together up to this many tokens; never changes a result; 0: a good default
  bool raw_scores = false;                 // classify: logits instead of scores
  std::size_t truncate_dim = 0;            // embeddings: their first values only (Matryoshka); 0: all, or what the directory says
  bool normalize = false;                  // embeddings: each divided by its length, after truncate_dim
  bool keep_lengths = false;               // embeddings: without the Normalize modules that the directory ends with
  std::string long_text = {};              // "truncate", "error" or "window" (see berth_run_options); empty: window where there is a stride, else truncate
  std::size_t stride = 0;                  // tokens that neighbouring windows share; 0: 64
  std::string window_scores = {};          // "mean" or "max"; empty: mean, but max for rerank
  std::string prompt_name = {};            // encode: one of the directory's prompts; empty: its default, if it has one
  std::optional<std::string> prompt = {};  // encode: the prompt itself
  bool query = false;                      // encode: the texts are queries, where the directory has a model of its own for those (Router)
};

using Row = berth_row;  // .tokens the model ran on, .truncated when the text was cut, .windows it ran as

// A dense matrix of results, one row per input.
struct Matrix {
  std::size_t columns = 0;
  std::vector<float> values;  // [rows.size(), columns]
  std::vector<Row> rows;

  std::size_t size() const noexcept { return rows.size(); }
  std::span<const float> operator[](std::size_t row) const { return {values.data() + row * columns, columns}; }
  // Column of the largest value of a row (the first among equals).
  std::size_t best(std::size_t row) const {
    const auto scores = (*this)[row];
    return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }
};

// The last hidden states of some rows.
class TokenEmbeddings {
 public:
  // [tokens of that row, hidden_size], row-major; valid as long as this object.
  std::span<const float> operator[](std::size_t row) const {
    std::size_t tokens = 0;
    const float* data = berth_token_embeddings_row(handle_.get(), row, &tokens);
    return {data, tokens * hidden_size_};
  }
  const Matrix& embeddings() const noexcept { return embeddings_; }
  std::size_t hidden_size() const noexcept { return hidden_size_; }

 private:
  friend class Model;
  struct Free {
    void operator()(berth_token_embeddings* handle) const noexcept { berth_token_embeddings_free(handle); }
  };
  std::unique_ptr<berth_token_embeddings, Free> handle_;
  std::size_t hidden_size_ = 0;
  Matrix embeddings_;
};

using Span = berth_span;  // a stretch of a text: .begin, .end, in code points

// Embeddings of stretches of a text.
struct Chunks {
  std::size_t columns = 0;
  std::vector<float> values;          // [spans, columns]
  std::vector<std::uint32_t> tokens;  // [spans] that each is made of; 0: its embedding is zeros
  Row row{};                          // of the text

  std::size_t size() const noexcept { return tokens.size(); }
  std::span<const float> operator[](std::size_t chunk) const { return {values.data() + chunk * columns, columns}; }
};

// Vectors of several kinds.
class Vectors {
 public:
  // Of a row; empty where that kind was not asked for. Valid as long as this object.
  std::span<const float> dense(std::size_t row) const {
    std::size_t size = 0;
    const float* values = berth_vectors_dense(handle_.get(), row, &size);
    return {values, size};
  }
  std::span<const berth_sparse_value> sparse(std::size_t row) const {  // by ascending index
    std::size_t count = 0;
    const berth_sparse_value* values = berth_vectors_sparse(handle_.get(), row, &count);
    return {values, count};
  }
  std::span<const float> multi(std::size_t row) const {  // [vectors, multi_size()]
    std::size_t count = 0, size = 0;
    const float* values = berth_vectors_multi(handle_.get(), row, &count, &size);
    return {values, count * size};
  }
  std::size_t multi_size() const {
    std::size_t count = 0, size = 0;
    berth_vectors_multi(handle_.get(), 0, &count, &size);
    return size;
  }
  const std::vector<Row>& rows() const noexcept { return rows_; }
  std::size_t size() const noexcept { return rows_.size(); }

 private:
  friend class Model;
  struct Free {
    void operator()(berth_vectors* handle) const noexcept { berth_vectors_free(handle); }
  };
  std::unique_ptr<berth_vectors, Free> handle_;
  std::vector<Row> rows_;
};

struct VectorOptions {
  unsigned kinds = 0;  // BERTH_DENSE, BERTH_SPARSE, BERTH_MULTI, added up; 0: what the directory is made for
  std::size_t max_length = 0;
  std::size_t batch_tokens = 0;
  std::size_t truncate_dim = 0;  // dense: as in RunOptions
  bool normalize = false;
  std::size_t max_active_dims = 0;  // sparse: the largest values only; 0: all
  bool query = false;               // the texts are queries, not documents, where the directory tells them apart
  std::string long_text = {};       // these as in RunOptions; windows are for dense alone
  std::size_t stride = 0;
  std::string prompt_name = {};
  std::optional<std::string> prompt = {};
};

// A text's tokens. Spans are valid as long as this object.
class Encoding {
 public:
  std::size_t size() const noexcept { return berth_encoding_size(handle_.get()); }
  std::span<const std::int32_t> ids() const noexcept { return {berth_encoding_ids(handle_.get()), size()}; }
  std::span<const std::int32_t> type_ids() const noexcept { return {berth_encoding_type_ids(handle_.get()), size()}; }
  std::span<const std::uint8_t> special_mask() const noexcept { return {berth_encoding_special_mask(handle_.get()), size()}; }
  // [begin, end) in code points of the text the token came from.
  std::pair<std::uint32_t, std::uint32_t> offsets(std::size_t index) const noexcept {
    const std::uint32_t* all = berth_encoding_offsets(handle_.get());
    return {all[2 * index], all[2 * index + 1]};
  }
  std::string_view token(std::size_t index) const noexcept {
    const berth_string text = berth_encoding_token(handle_.get(), index);
    return {text.data, text.size};
  }
  bool truncated() const noexcept { return berth_encoding_truncated(handle_.get()) != 0; }

 private:
  friend class Tokenizer;
  friend class Model;
  struct Free {
    void operator()(berth_encoding* handle) const noexcept { berth_encoding_free(handle); }
  };
  std::unique_ptr<berth_encoding, Free> handle_;
};

// What a task found in some rows.
class Findings {
 public:
  // Valid, with their strings, as long as this object.
  std::span<const berth_finding> operator[](std::size_t row) const {
    std::size_t count = 0;
    const berth_finding* items = berth_findings_row(handle_.get(), row, &count);
    return {items, count};
  }
  std::size_t size() const noexcept { return rows_.size(); }
  const std::vector<Row>& rows() const noexcept { return rows_; }
  // Vectors of logits of a row, where raw_scores asked for them; logits_size() floats each.
  std::span<const float> logits(std::size_t row) const {
    std::size_t vectors = 0, size = 0;
    const float* values = berth_findings_logits(handle_.get(), row, &vectors, &size);
    return {values, vectors * size};
  }
  std::size_t logits_size() const {
    std::size_t vectors = 0, size = 0;
    berth_findings_logits(handle_.get(), 0, &vectors, &size);
    return size;
  }

 private:
  friend class Model;
  struct Free {
    void operator()(berth_findings* handle) const noexcept { berth_findings_free(handle); }
  };
  std::unique_ptr<berth_findings, Free> handle_;
  std::vector<Row> rows_;
};

struct TagOptions {
  std::size_t max_length = 0;
  std::size_t batch_tokens = 0;
  bool raw_scores = false;       // keep every token's logits, [tokens, num_labels]
  std::string aggregation = {};  // none, simple, first, average, max; empty: none
  std::string long_text = {};    // these as in RunOptions; windows need an aggregation: of overlapping entities the longest stays
  std::size_t stride = 0;
  std::vector<std::string> ignore_labels = {"O"};
};

struct FillMaskOptions {
  std::size_t max_length = 0;
  std::size_t batch_tokens = 0;
  bool raw_scores = false;                   // scores are logits; with top_k 0 there are no findings but all logits, [masks, vocabulary]
  std::size_t top_k = 5;                     // tokens for each mask; 0: all
  std::vector<std::string> targets = {};     // only these; a word that is no token stands for its first token. Empty: any token
  std::optional<std::int32_t> mask_id = {};  // absent: the tokenizer knows
  std::string long_text = {};                // as in RunOptions, without windows
};

struct AnswerOptions {
  std::size_t max_length = 0;  // of a window; 0: 384, or the model's limit where that is less
  std::size_t batch_tokens = 0;
  bool raw_scores = false;  // keep every token's two logits, [tokens, 2]
  std::size_t stride = 0;   // tokens that the windows of a long context share; 0: 128, or half a window where that is less
  std::size_t top_k = 1;
  std::size_t max_answer_tokens = 15;
  bool impossible = false;  // that there is no answer ("" at 0) is one, too
};

struct ZeroShotOptions {
  std::size_t max_length = 0;
  std::size_t batch_tokens = 0;
  std::string hypothesis_template = {};  // with one "{}" for the label; empty: "This example is {}."
  bool multi_label = false;              // every label for itself
  std::string long_text = {};            // as in RunOptions, without windows
};

struct TokenizeOptions {
  std::size_t max_length = 0;  // 0: do not cut
  bool add_special_tokens = true;
  bool truncate_left = false;  // cut at the beginning
};

class Tokenizer {
 public:
  // Needs only the tokenizer's files. Throws Error.
  static Tokenizer load(const std::string& directory) {
    berth_tokenizer* handle = nullptr;
    detail::check(berth_tokenizer_load(directory.c_str(), &handle));
    return Tokenizer(std::shared_ptr<const berth_tokenizer>(handle, [](const berth_tokenizer* p) { berth_tokenizer_free(const_cast<berth_tokenizer*>(p)); }));
  }

  std::string_view token(std::int32_t id) const noexcept {  // "" when there is none
    const berth_string text = berth_tokenizer_token(handle_.get(), id);
    return {text.data, text.size};
  }

  // The text of ids; special tokens are left out with skip_special_tokens.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens = true) const {
    std::string text(ids.size() * 8, '\0');
    std::size_t size = 0;
    const auto run = [&] { detail::check(berth_decode(handle_.get(), ids.data(), ids.size(), skip_special_tokens ? 1 : 0, text.data(), text.size(), &size)); };
    run();
    const bool all = size <= text.size();
    text.resize(size);
    if (!all) run();
    return text;
  }

  Encoding tokenize(const Input& input, const TokenizeOptions& options = {}) const {
    const berth_tokenize_options c_options = convert(options);
    const berth_input c_input = input.c_input();
    berth_encoding* handle = nullptr;
    detail::check(berth_tokenize(handle_.get(), &c_input, &c_options, &handle));
    Encoding encoding;
    encoding.handle_.reset(handle);
    return encoding;
  }

 private:
  friend class Model;
  static berth_tokenize_options convert(const TokenizeOptions& options) {
    berth_tokenize_options result{};
    result.size = sizeof(result);
    result.max_length = options.max_length;
    result.no_special_tokens = options.add_special_tokens ? 0 : 1;
    result.truncate_left = options.truncate_left ? 1 : 0;
    return result;
  }
  explicit Tokenizer(std::shared_ptr<const berth_tokenizer> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const berth_tokenizer> handle_;
};

class Model {
 public:
  // Loads a Hugging Face or sentence-transformers directory as it is. Throws Error.
  static Model load(const std::string& directory, const LoadOptions& options = {}) {
    berth_model_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.threads = options.threads;
    c_options.no_mmap = options.mmap ? 0 : 1;
    c_options.precision = options.precision.empty() ? nullptr : options.precision.c_str();
    c_options.isa = options.isa.empty() ? nullptr : options.isa.c_str();
    c_options.adapter = options.adapter.empty() ? nullptr : options.adapter.c_str();
    berth_model* handle = nullptr;
    detail::check(berth_model_load(directory.c_str(), &c_options, &handle));
    return Model(std::shared_ptr<berth_model>(handle, berth_model_free));
  }

  std::size_t hidden_size() const noexcept { return berth_model_hidden_size(handle_.get()); }
  std::size_t embedding_size() const noexcept { return berth_model_embedding_size(handle_.get()); }
  // Under these options; throws Error where truncate_dim is more than there are.
  std::size_t embedding_size(const RunOptions& options) const {
    const berth_run_options c_options = convert(options);
    std::size_t size = 0;
    detail::check(berth_embedding_size(handle_.get(), &c_options, &size));
    return size;
  }
  std::size_t num_labels() const noexcept { return berth_model_num_labels(handle_.get()); }  // of sequences or tokens; 0: no such head
  std::string_view label(std::size_t index) const noexcept {
    const char* name = berth_model_label(handle_.get(), index);
    return name == nullptr ? std::string_view{} : std::string_view{name};
  }
  std::size_t vocab_size() const noexcept { return berth_model_vocab_size(handle_.get()); }  // ids are below it
  std::size_t max_length() const noexcept { return berth_model_max_length(handle_.get()); }
  std::string_view info() const noexcept { return berth_model_info(handle_.get()); }  // JSON

  // Operations per second that the model's threads reach at most here (see berth_model_measure_peak).
  double measure_peak(double seconds = 0.1) const {
    double operations = 0;
    detail::check(berth_model_measure_peak(handle_.get(), seconds, &operations));
    return operations;
  }

  // Absent when the directory has no tokenizer files. Keeps the model alive.
  std::optional<Tokenizer> tokenizer() const {
    const berth_tokenizer* tokenizer = berth_model_tokenizer(handle_.get());
    if (tokenizer == nullptr) return std::nullopt;
    return Tokenizer(std::shared_ptr<const berth_tokenizer>(handle_, tokenizer));
  }

  // The row that encode (without a prompt), classify and rerank run of a text or a pair (see berth_model_tokenize).
  Encoding tokenize(const Input& input, const TokenizeOptions& options = {}) const {
    const berth_tokenize_options c_options = Tokenizer::convert(options);
    const berth_input c_input = input.c_input();
    berth_encoding* handle = nullptr;
    detail::check(berth_model_tokenize(handle_.get(), &c_input, &c_options, &handle));
    Encoding encoding;
    encoding.handle_.reset(handle);
    return encoding;
  }

  // Sentence embeddings, [inputs, embedding_size].
  Matrix encode(std::span<const Input> inputs, const RunOptions& options = {}) const {
    Matrix result = matrix(inputs.size(), embedding_size(options));
    encode(inputs, result.values, result.rows, options);
    return result;
  }
  Matrix encode(std::initializer_list<Input> inputs, const RunOptions& options = {}) const { return encode(as_span(inputs), options); }
  // The same into the caller's memory: `embeddings` holds inputs.size() * embedding_size(options) floats, `rows` inputs.size() entries or none.
  void encode(std::span<const Input> inputs, std::span<float> embeddings, std::span<Row> rows, const RunOptions& options = {}) const {
    run_into(berth_encode, "embeddings", embedding_size(options), inputs, embeddings, rows, options);
  }

  // Every token's last hidden state besides the sentence embeddings.
  TokenEmbeddings encode_tokens(std::span<const Input> inputs, const RunOptions& options = {}) const {
    TokenEmbeddings result;
    result.hidden_size_ = hidden_size();
    result.embeddings_ = matrix(inputs.size(), embedding_size(options));
    const auto c_inputs = convert(inputs);
    const berth_run_options c_options = convert(options);
    berth_token_embeddings* handle = nullptr;
    detail::check(berth_encode_tokens(handle_.get(), c_inputs.data(), c_inputs.size(), &c_options, result.embeddings_.values.data(),
                                      result.embeddings_.rows.data(), &handle));
    result.handle_.reset(handle);
    return result;
  }
  TokenEmbeddings encode_tokens(std::initializer_list<Input> inputs, const RunOptions& options = {}) const { return encode_tokens(as_span(inputs), options); }

  // Late chunking: embeddings of stretches of a text that have seen all of it (berth_encode_chunks).
  Chunks encode_chunks(const Input& input, std::span<const Span> spans, const RunOptions& options = {}) const {
    Chunks result;
    result.columns = embedding_size(options);
    result.values.resize(spans.size() * result.columns);
    result.tokens.resize(spans.size());
    const berth_input c_input = input.c_input();
    const std::size_t count = spans.size();
    const berth_run_options c_options = convert(options);
    detail::check(berth_encode_chunks(handle_.get(), &c_input, 1, spans.data(), &count, &c_options, result.values.data(), result.tokens.data(), &result.row));
    return result;
  }

  // Several kinds of vectors from one pass.
  Vectors encode_vectors(std::span<const Input> inputs, const VectorOptions& options = {}) const {
    const berth_vector_options c_options = convert(options);
    Vectors result;
    result.rows_.resize(inputs.size());
    const auto c_inputs = convert(inputs);
    berth_vectors* handle = nullptr;
    detail::check(berth_encode_vectors(handle_.get(), c_inputs.data(), c_inputs.size(), &c_options, &handle, result.rows_.data()));
    result.handle_.reset(handle);
    return result;
  }
  Vectors encode_vectors(std::initializer_list<Input> inputs, const VectorOptions& options = {}) const { return encode_vectors(as_span(inputs), options); }
  // MaxSim of two texts' vectors, each [vectors, size].
  float max_similarity(std::span<const float> query, std::span<const float> document, std::size_t size) const {
    for (const auto& [name, values] : {std::pair{"query", query}, std::pair{"document", document}})
      if (size == 0 ? !values.empty() : values.size() % size != 0)
        throw Error(BERTH_INVALID_ARGUMENT, std::string(name) + " has " + std::to_string(values.size()) + " entries, not vectors of " + std::to_string(size));
    float score = 0;
    detail::check(berth_max_similarity(handle_.get(), query.data(), size == 0 ? 0 : query.size() / size, document.data(),
                                       size == 0 ? 0 : document.size() / size, size, &score));
    return score;
  }
  // How well texts answer a query, by a late-interaction model: [texts, 1]; `query_row` tells what became of the query.
  Matrix rerank_late(const Input& query, std::span<const Input> texts, const VectorOptions& options = {}, Row* query_row = nullptr) const {
    Matrix result = matrix(texts.size(), 1);
    std::vector<Row> rows(texts.size() + 1);
    const auto c_inputs = convert(texts);
    const berth_input c_query = query.c_input();
    const berth_vector_options c_options = convert(options);
    detail::check(berth_rerank_late(handle_.get(), &c_query, c_inputs.data(), c_inputs.size(), &c_options, result.values.data(), rows.data()));
    std::copy(rows.begin() + 1, rows.end(), result.rows.begin());
    if (query_row != nullptr) *query_row = rows.front();
    return result;
  }
  unsigned vector_kinds() const noexcept { return berth_model_vector_kinds(handle_.get()); }                // BERTH_DENSE, ... that it gives, added up
  unsigned default_vector_kind() const noexcept { return berth_model_default_vector_kind(handle_.get()); }  // what its directory is made for

  // Scores of every label, [inputs, num_labels], as Hugging Face's text-classification pipeline gives them.
  Matrix classify(std::span<const Input> inputs, const RunOptions& options = {}) const {
    Matrix result = matrix(inputs.size(), num_labels());
    classify(inputs, result.values, result.rows, options);
    return result;
  }
  Matrix classify(std::initializer_list<Input> inputs, const RunOptions& options = {}) const { return classify(as_span(inputs), options); }
  // The same into the caller's memory: `scores` holds inputs.size() * num_labels() floats, `rows` inputs.size() entries or none.
  void classify(std::span<const Input> inputs, std::span<float> scores, std::span<Row> rows, const RunOptions& options = {}) const {
    run_into(berth_classify, "scores", num_labels(), inputs, scores, rows, options);
  }

  // How well the texts of pairs (query, text) answer their queries: [inputs, 1], as sentence-transformers' CrossEncoder says.
  Matrix rerank(std::span<const Input> pairs, const RunOptions& options = {}) const {
    Matrix result = matrix(pairs.size(), 1);
    rerank(pairs, result.values, result.rows, options);
    return result;
  }
  Matrix rerank(std::initializer_list<Input> pairs, const RunOptions& options = {}) const { return rerank(as_span(pairs), options); }
  // The same into the caller's memory: `scores` holds pairs.size() floats, `rows` as many entries or none.
  void rerank(std::span<const Input> pairs, std::span<float> scores, std::span<Row> rows, const RunOptions& options = {}) const {
    run_into(berth_rerank, "scores", 1, pairs, scores, rows, options);
  }

  // Entities, as Hugging Face's token-classification pipeline finds them.
  Findings tag(std::span<const Input> inputs, const TagOptions& options = {}) const {
    const std::vector<berth_string> ignored = strings(options.ignore_labels);
    const berth_string none{};
    berth_tag_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.max_length = options.max_length;
    c_options.batch_tokens = options.batch_tokens;
    c_options.raw_scores = options.raw_scores ? 1 : 0;
    c_options.aggregation = options.aggregation.empty() ? nullptr : options.aggregation.c_str();
    c_options.long_text = or_null(options.long_text);
    c_options.stride = options.stride;
    c_options.ignore_labels = ignored.empty() ? &none : ignored.data();
    c_options.ignore_labels_size = ignored.size();
    return find(inputs, [&](const berth_input* c_inputs, std::size_t count, berth_findings** findings, Row* rows) {
      return berth_tag(handle_.get(), c_inputs, count, &c_options, findings, rows);
    });
  }
  Findings tag(std::initializer_list<Input> inputs, const TagOptions& options = {}) const { return tag(as_span(inputs), options); }

  // Tokens in place of the masks of each row: the best of its first mask, then of its next (see berth_fill_mask).
  Findings fill_mask(std::span<const Input> inputs, const FillMaskOptions& options = {}) const {
    const std::vector<berth_string> targets = strings(options.targets);
    berth_fill_mask_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.max_length = options.max_length;
    c_options.batch_tokens = options.batch_tokens;
    c_options.raw_scores = options.raw_scores ? 1 : 0;
    c_options.top_k = options.top_k == 0 ? -1 : static_cast<std::int64_t>(options.top_k);
    c_options.targets = targets.empty() ? nullptr : targets.data();
    c_options.targets_size = targets.size();
    c_options.mask_id = options.mask_id ? &*options.mask_id : nullptr;
    c_options.long_text = or_null(options.long_text);
    return find(inputs, [&](const berth_input* c_inputs, std::size_t count, berth_findings** findings, Row* rows) {
      return berth_fill_mask(handle_.get(), c_inputs, count, &c_options, findings, rows);
    });
  }
  Findings fill_mask(std::initializer_list<Input> inputs, const FillMaskOptions& options = {}) const { return fill_mask(as_span(inputs), options); }

  // What in the contexts of pairs (question, context) answers their questions, best first (see berth_answer).
  Findings answer(std::span<const Input> pairs, const AnswerOptions& options = {}) const {
    berth_answer_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.max_length = options.max_length;
    c_options.batch_tokens = options.batch_tokens;
    c_options.raw_scores = options.raw_scores ? 1 : 0;
    c_options.stride = options.stride;
    c_options.top_k = options.top_k;
    c_options.max_answer_tokens = options.max_answer_tokens;
    c_options.impossible = options.impossible ? 1 : 0;
    return find(pairs, [&](const berth_input* c_inputs, std::size_t count, berth_findings** findings, Row* rows) {
      return berth_answer(handle_.get(), c_inputs, count, &c_options, findings, rows);
    });
  }
  Findings answer(std::initializer_list<Input> pairs, const AnswerOptions& options = {}) const { return answer(as_span(pairs), options); }

  // How well labels that the model was not trained on fit texts: [inputs, labels] (see berth_zero_shot).
  Matrix zero_shot(std::span<const Input> inputs, std::span<const std::string> labels, const ZeroShotOptions& options = {}) const {
    Matrix result = matrix(inputs.size(), labels.size());
    const auto c_inputs = convert(inputs);
    const std::vector<berth_string> c_labels = strings(labels);
    berth_zero_shot_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.max_length = options.max_length;
    c_options.batch_tokens = options.batch_tokens;
    c_options.hypothesis_template = options.hypothesis_template.empty() ? nullptr : options.hypothesis_template.c_str();
    c_options.multi_label = options.multi_label ? 1 : 0;
    c_options.long_text = or_null(options.long_text);
    detail::check(berth_zero_shot(handle_.get(), c_inputs.data(), c_inputs.size(), c_labels.data(), c_labels.size(), &c_options, result.values.data(),
                                  result.rows.data()));
    return result;
  }
  Matrix zero_shot(std::initializer_list<Input> inputs, std::span<const std::string> labels, const ZeroShotOptions& options = {}) const {
    return zero_shot(as_span(inputs), labels, options);
  }

 private:
  explicit Model(std::shared_ptr<berth_model> handle) : handle_(std::move(handle)) {}

  // `call` for inputs, whose results of `columns` floats each go to `values`.
  template <class Call>
  void run_into(const Call& call, const char* name, std::size_t columns, std::span<const Input> inputs, std::span<float> values, std::span<Row> rows,
                const RunOptions& options) const {
    detail::check_size(name, values.size(), inputs.size() * columns);
    if (!rows.empty()) detail::check_size("rows", rows.size(), inputs.size());
    thread_local std::vector<berth_input> c_inputs;  // kept from call to call, so that nothing is allocated in the long run
    c_inputs.clear();
    for (const Input& input : inputs) c_inputs.push_back(input.c_input());
    const berth_run_options c_options = convert(options);
    detail::check(call(handle_.get(), c_inputs.data(), c_inputs.size(), &c_options, values.data(), rows.empty() ? nullptr : rows.data()));
  }

  template <class Call>
  static Findings find(std::span<const Input> inputs, const Call& call) {
    Findings result;
    result.rows_.resize(inputs.size());
    const auto c_inputs = convert(inputs);
    berth_findings* handle = nullptr;
    detail::check(call(c_inputs.data(), c_inputs.size(), &handle, result.rows_.data()));
    result.handle_.reset(handle);
    return result;
  }

  static std::vector<berth_string> strings(std::span<const std::string> texts) {
    std::vector<berth_string> result;
    result.reserve(texts.size());
    for (const std::string& text : texts) result.push_back(detail::view(text));
    return result;
  }
  static std::span<const Input> as_span(std::initializer_list<Input> inputs) { return {inputs.begin(), inputs.size()}; }
  static Matrix matrix(std::size_t rows, std::size_t columns) {
    Matrix result;
    result.columns = columns;
    result.values.resize(rows * columns);
    result.rows.resize(rows);
    return result;
  }
  static std::vector<berth_input> convert(std::span<const Input> inputs) {
    std::vector<berth_input> result;
    result.reserve(inputs.size());
    for (const Input& input : inputs) result.push_back(input.c_input());
    return result;
  }
  static const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }
  // Borrows from `from`.
  template <class From, class To>
  static void copy_text_options(const From& from, To& to) {
    to.long_text = or_null(from.long_text);
    to.stride = from.stride;
    to.prompt_name = or_null(from.prompt_name);
    if (from.prompt) to.prompt = detail::view(*from.prompt);
  }
  static berth_run_options convert(const RunOptions& options) {
    berth_run_options result{};
    result.size = sizeof(result);
    result.max_length = options.max_length;
    result.batch_tokens = options.batch_tokens;
    result.raw_scores = options.raw_scores ? 1 : 0;
    result.truncate_dim = options.truncate_dim;
    result.normalize = options.normalize ? 1 : options.keep_lengths ? -1 : 0;
    result.window_scores = or_null(options.window_scores);
    result.query = options.query ? 1 : 0;
    copy_text_options(options, result);
    return result;
  }
  static berth_vector_options convert(const VectorOptions& options) {
    berth_vector_options result{};
    result.size = sizeof(result);
    result.max_length = options.max_length;
    result.batch_tokens = options.batch_tokens;
    result.kinds = options.kinds;
    result.normalize = options.normalize ? 1 : 0;
    result.truncate_dim = options.truncate_dim;
    result.max_active_dims = options.max_active_dims;
    result.query = options.query ? 1 : 0;
    copy_text_options(options, result);
    return result;
  }
  std::shared_ptr<berth_model> handle_;
};

struct ClassifierOptions {
  std::string model = {};      // directory, in place of the profile's; empty: the profile's
  int threads = 0;             // these as in LoadOptions
  std::string precision = {};  // empty: the profile's
  std::string isa = {};
  bool mmap = true;
  std::size_t batch_tokens = 0;  // as in RunOptions
  bool cache = true;             // false: no file of the examples' embeddings beside the profile
  bool rules_only = false;       // without the model
  std::string combine = {};      // in place of every label's: "max", "mean-top-k", "centroid"; empty: the profile's
  std::size_t k = 0;             // likewise; 0: the profile's
};

// Labels of some texts, and what an explanation of each needs.
class Decisions {
 public:
  // Valid, with its strings, as long as this object.
  const berth_decision& operator[](std::size_t row) const {
    const berth_decision* item = berth_decisions_get(handle_.get(), row);
    if (item == nullptr) throw Error(BERTH_INVALID_ARGUMENT, berth_last_error());
    return *item;
  }
  std::string_view label(std::size_t row) const {  // "" when there is none
    const berth_string text = (*this)[row].label;
    return {text.data, text.size};
  }
  // Every label's score, NaN where there is none.
  std::span<const float> scores(std::size_t row) const {
    std::size_t count = 0;
    const float* values = berth_decisions_scores(handle_.get(), row, &count);
    return {values, count};
  }
  // The same texts decided by other thresholds, one for each label.
  Decisions decide(std::span<const float> thresholds) const {
    if (size() > 0) detail::check_size("thresholds", thresholds.size(), scores(0).size());
    Decisions result;
    berth_decisions* handle = nullptr;
    detail::check(berth_decisions_decide(handle_.get(), thresholds.data(), &handle));
    result.handle_.reset(handle);
    result.rows_ = rows_;
    return result;
  }
  const std::vector<Row>& rows() const noexcept { return rows_; }
  std::size_t size() const noexcept { return rows_.size(); }

 private:
  friend class Classifier;
  struct Free {
    void operator()(berth_decisions* handle) const noexcept { berth_decisions_free(handle); }
  };
  std::unique_ptr<berth_decisions, Free> handle_;
  std::vector<Row> rows_;
};

// Labels known by examples, with rules and thresholds, as a profile says (docs/triage.md). Never changes after loading: any number of threads may call it.
class Classifier {
 public:
  // Throws Error. A profile whose rules do without the model loads without it, too: see info(). Classifiers of the same model
  // files and options share the model and its threads.
  static Classifier load(const std::string& profile, const ClassifierOptions& options = {}) {
    const auto or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    berth_classifier_options c_options{};
    c_options.size = sizeof(c_options);
    c_options.model = or_null(options.model);
    c_options.threads = options.threads;
    c_options.no_mmap = options.mmap ? 0 : 1;
    c_options.precision = or_null(options.precision);
    c_options.isa = or_null(options.isa);
    c_options.batch_tokens = options.batch_tokens;
    c_options.no_cache = options.cache ? 0 : 1;
    c_options.rules_only = options.rules_only ? 1 : 0;
    c_options.combine = or_null(options.combine);
    c_options.k = options.k;
    berth_classifier* handle = nullptr;
    detail::check(berth_classifier_load(profile.c_str(), &c_options, &handle));
    return Classifier(std::shared_ptr<berth_classifier>(handle, berth_classifier_free));
  }
  // Throws Error that lists every mistake of a profile, without loading its model.
  static void check(const std::string& profile) { detail::check(berth_profile_check(profile.c_str())); }

  std::size_t num_labels() const noexcept { return berth_classifier_num_labels(handle_.get()); }
  std::string_view label(std::size_t index) const noexcept {
    const char* name = berth_classifier_label(handle_.get(), index);
    return name == nullptr ? std::string_view{} : std::string_view{name};
  }
  std::string_view info() const noexcept { return berth_classifier_info(handle_.get()); }  // JSON

  Decisions classify(std::span<const Input> inputs) const {
    std::vector<berth_input> c_inputs;
    for (const Input& input : inputs) c_inputs.push_back(input.c_input());
    Decisions result;
    result.rows_.resize(inputs.size());
    berth_decisions* handle = nullptr;
    detail::check(berth_classifier_run(handle_.get(), c_inputs.data(), c_inputs.size(), &handle, result.rows_.data()));
    result.handle_.reset(handle);
    return result;
  }
  Decisions classify(std::initializer_list<Input> inputs) const { return classify(std::span<const Input>(inputs.begin(), inputs.size())); }

 private:
  explicit Classifier(std::shared_ptr<berth_classifier> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<berth_classifier> handle_;
};

// The least and the greatest value of each dimension of embeddings, as quantize() wants them: [2, columns].
inline std::vector<float> find_ranges(const Matrix& embeddings) {
  std::vector<float> ranges(2 * embeddings.columns);
  detail::check(berth_find_ranges(embeddings.values.data(), embeddings.size(), embeddings.columns, 0, ranges.data()));
  return ranges;
}

// Embeddings in fewer bits: [rows, berth_quantized_size(type, columns)] bytes. `ranges` only for int8 and uint8.
inline std::vector<std::byte> quantize(const Matrix& embeddings, berth_output_type type, std::span<const float> ranges = {}) {
  if (!ranges.empty()) detail::check_size("ranges", ranges.size(), 2 * embeddings.columns);
  std::vector<std::byte> out(embeddings.size() * berth_quantized_size(type, embeddings.columns));
  detail::check(berth_quantize(embeddings.values.data(), embeddings.size(), embeddings.columns, type, ranges.empty() ? nullptr : ranges.data(), out.data()));
  return out;
}

inline std::string_view version() noexcept { return berth_version(); }

// What this machine offers, as JSON (see berth_system_info). Throws Error when BERTH_ISA is unknown or unsupported.
inline std::string system_info() {
  const char* json = nullptr;
  detail::check(berth_system_info(&json));
  return json;
}

}  // namespace berth
