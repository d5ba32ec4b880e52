// A loaded model: everything engine/c_api.cpp puts behind a berth_model. Immutable after load; calls are reentrant.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <berth/berth.h>

#include "base/file_log.hpp"
#include "base/parallel.hpp"
#include "engine/inputs.hpp"
#include "engine/long_text.hpp"
#include "engine/model_config.hpp"
#include "engine/pooling.hpp"
#include "engine/sentence_head.hpp"
#include "engine/splade.hpp"
#include "engine/static_embedding.hpp"
#include "engine/token_vectors.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"
#include "kernels/isa.hpp"
#include "loaders/model_directory.hpp"
#include "loaders/tensors.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

struct LoadOptions {
  int threads = 0;  // 0: base::default_thread_count()
  bool mmap = true;
  std::string precision = "fp32";  // or "bf16", "int8", "auto" (engine/auto_precision.hpp)
  std::string isa = {};            // a cap; empty: BERTH_ISA
  std::string adapter = {};        // which of the directory's adapters, or the directory of one (loaders/adapters.hpp); empty: none
};

struct RunOptions {
  std::size_t max_length = 0;    // 0: the model's limit
  std::size_t batch_tokens = 0;  // 0: default_batch_tokens
  std::size_t truncate_dim = 0;  // of embeddings: their first values only; 0: what the directory says, else all
  bool normalize = false;        // embeddings, after that
  bool keep_lengths = false;     // without the Normalize modules that the directory ends with
  LongText long_text = LongText::truncate;
  std::size_t stride = 0;  // LongText::window: tokens that neighbouring windows share; 0: kDefaultStride
  WindowScores window_scores = WindowScores::automatic;
  std::optional<std::string> prompt = {};  // put before every text that is embedded; absent: the one that prompt_name names
  std::string prompt_name = {};            // of the directory's prompts; empty: its default_prompt_name, if it has one
  bool query = false;                      // texts that are embedded are queries, not documents, where the directory tells these apart
};

// Tokens run together by default: beyond some hundreds a product is no more efficient, and more would leave the caches. Low precision computes rows in chunks
// (engine/chunks.hpp), and the more of them there are to choose from, the fuller are their tiles.
constexpr std::size_t default_batch_tokens(Precision precision) { return precision == Precision::fp32 ? 1024 : 2048; }

struct TokenPlace {
  std::size_t input;  // which input
  std::size_t token;  // its token, special ones counted
};
struct MaskedLogits {
  std::vector<TokenPlace> places;  // in order
  std::vector<float> values;       // [places, vocabulary]
};

// What encode_vectors() is to find. `dense` is [inputs, embedding_size(options)]; null where it is not wanted.
struct VectorRequest {
  float* dense = nullptr;
  SparseVectors* sparse = nullptr;
  std::size_t max_active_dims = 0;  // of a sparse vector: its largest values only; 0: all
  TokenValues* tokens = nullptr;    // last hidden states
  TokenValues* multi = nullptr;     // one vector a token, of late-interaction models
};

class Model {
 public:
  // base::Error as the loaders and bind_weights throw it.
  static std::unique_ptr<const Model> load(const std::string& directory, const LoadOptions& options);

  void need_embeddings() const;  // throws where the directory says how to make other vectors only
  void need_row_head() const;    // throws where there is none that scores sequences
  // out: [inputs, embedding_size(options)]; may be null when only `tokens` is wanted. rows, tokens: may be null.
  void encode(std::span<const berth_input> inputs, const RunOptions& options, float* out, berth_row* rows, TokenValues* tokens) const;
  // Several kinds of vectors from one pass. base::Error{unsupported} for a kind that the directory does not give.
  void encode_vectors(std::span<const berth_input> inputs, const RunOptions& options, const VectorRequest& request, berth_row* rows) const;
  // Late chunking: out [all spans, embedding_size(options)] of stretches of each text, in code points, pooled from tokens that have seen the whole text (or
  // its window); tokens: [all spans] or null, how many each has: 0 where it was cut away or holds none, and its embedding is zeros.
  // base::Error{invalid_argument} for a span that is no stretch of its text; unsupported where the pooling takes single tokens.
  void encode_chunks(std::span<const berth_input> inputs, std::span<const std::span<const berth_span>> spans, const RunOptions& options, float* out,
                     std::uint32_t* tokens, berth_row* rows) const;
  // Of berth_vector_kind: what encode_vectors() can give; the first is what the directory is made for.
  unsigned vector_kinds() const noexcept;
  unsigned default_vector_kind() const noexcept;
  // MaxSim of texts for a query, [texts], by a model that gives vectors for each token; rows: [1 + texts] or null, the query's first.
  void rerank_late(const berth_input& query, std::span<const berth_input> texts, const RunOptions& options, float* out, berth_row* rows) const;
  // out: [inputs, labels]: scores, or logits when `raw`.
  void classify(std::span<const berth_input> inputs, const RunOptions& options, bool raw, float* out, berth_row* rows) const;
  // out: [inputs]: how well the texts of pairs (query, text) answer their queries, as sentence-transformers' CrossEncoder says; the logit when `raw`.
  void rerank(std::span<const berth_input> inputs, const RunOptions& options, bool raw, float* out, berth_row* rows) const;

  // For token classification: [labels] for every token; for question answering: its logits of being an answer's first and last. out.size is their number.
  void token_logits(std::span<const berth_input> inputs, const RunOptions& options, TokenValues& out, berth_row* rows) const;
  // The vocabulary's logits at the tokens whose id is `id` (the tokenizer's mask token), or at every token.
  void masked_logits(std::span<const berth_input> inputs, const RunOptions& options, std::optional<std::int32_t> id, MaskedLogits& out, berth_row* rows) const;

  // The row that a text without a prompt runs as, cut at `side` (absent: where the tokenizer says).
  tokenizer::Encoding tokenize(const berth_input& input, std::size_t max_length, std::optional<tokenizer::TruncationSide> side) const;

  const ModelConfig& config() const noexcept { return config_; }
  const ModelWeights& weights() const noexcept { return weights_; }
  const tokenizer::Tokenizer* tokenizer() const noexcept { return tokenizer_ ? &*tokenizer_ : nullptr; }
  std::size_t full_embedding_size() const noexcept { return engine::embedding_size(modules_, config_.hidden_size); }
  std::size_t token_vector_size() const noexcept { return token_vectors_ ? token_vectors_->size : 0; }  // of late interaction; 0: the model has none
  std::size_t embedding_size() const noexcept { return truncate_dim_ == 0 ? full_embedding_size() : truncate_dim_; }
  // base::Error{invalid_argument} when there are not so many values.
  std::size_t embedding_size(const RunOptions& options) const;
  // base::Error{invalid_argument} listing the prompts where the directory has none of that name.
  void check_prompt(const RunOptions& options) const { static_cast<void>(prompt_of(options, default_prompt_)); }
  std::size_t max_length() const noexcept { return max_length_; }
  kernels::Isa isa() const noexcept { return isa_; }
  Precision precision() const noexcept { return precision_; }
  const std::string& info() const noexcept { return info_; }                      // JSON
  const std::vector<base::LoggedFile>& files() const noexcept { return files_; }  // that loading opened, and those it looked for
  Compute compute() const noexcept { return {*kernels_, *low_kernels_, *pool_}; }
  const WorkspacePool& workspaces() const noexcept { return workspaces_; }

  double measure_peak(double seconds) const;  // see engine/peak.hpp

  // The hidden states after `layers` layers (before a norm behind them all), or the pooler's output, for rows of ids: what the reference cases record.
  void hidden_states(std::span<const berth_input> inputs, std::size_t layers, TokenValues& tokens) const;
  void pooler_output(std::span<const berth_input> inputs, float* out) const;

 private:
  Model() = default;

  static std::unique_ptr<Model> build(const loaders::ModelDirectory& directory, const LoadOptions& options, std::shared_ptr<const base::ThreadPool> pool,
                                      base::FileLog& log);
  // finish(workspace, first, rows) is called for each batch that has run, with the index of its first row and its rows' number.
  template <class Finish>
  void run(std::span<const berth_input> inputs, const RunOptions& options, std::optional<std::size_t> layers, berth_row* rows, const Finish& finish,
           std::string_view prompt = {}, const TokenVectors::Side* side = nullptr) const;
  // The same for windows of texts, which are rows of ids.
  void run_windows(std::span<const berth_input> rows, std::size_t batch_tokens,
                   const std::function<void(Workspace& workspace, std::size_t first, std::size_t rows)>& finish) const;
  struct Prompt {
    std::string text;
    std::size_t tokens = 0;    // that a row begins with: the special ones before it and its own
    std::size_t unpooled = 0;  // of these, that stay out of the pooling
  };
  Prompt prompt_of(const RunOptions& options, const std::string& by_default) const;
  InputRules input_rules(std::size_t limit, std::string_view prompt) const;
  std::size_t pooled_size() const noexcept { return config_.hidden_size * std::max<std::size_t>(1, modules_.front().pooling.size()); }
  // workspace.pooled from the hidden states; unpooled as in pool(), `first` the number of the first row.
  void pool_rows(Workspace& workspace, std::span<const std::size_t> unpooled, std::size_t first) const;
  // What is left to do for embeddings, from the pooled vectors of `count` inputs in workspace.pooled. `out` null: in the workspace; returns where they are.
  float* finish_dense(Workspace& workspace, std::size_t first, std::size_t count, const RunOptions& options, float* out) const;
  void append_tokens(Workspace& workspace, std::size_t first, std::size_t count, TokenValues& tokens) const;
  void encode_windows(std::span<const berth_input> inputs, const RunOptions& options, const VectorRequest& request, berth_row* rows) const;
  void window_scores(std::span<const berth_input> inputs, const RunOptions& options, ScoreFunction function, WindowScores how, float* out,
                     berth_row* rows) const;
  void run_batch(Workspace& workspace, std::optional<std::size_t> layers) const;
  void row_scores(std::span<const berth_input> inputs, const RunOptions& options, ScoreFunction function, WindowScores how, float* out, berth_row* rows) const;
  bool makes_sparse() const noexcept { return splade_ || (static_ && static_->is_sparse()); }  // and no sentence embeddings
  void need_head(std::initializer_list<HeadKind> kinds, std::string_view what) const;
  void check_finite(const float* values, std::size_t rows, std::size_t size, std::size_t first) const;

  ModelConfig config_;
  kernels::Isa isa_{};
  Precision precision_{};
  const kernels::KernelTable* kernels_ = nullptr;
  const kernels::LowKernelTable* low_kernels_ = nullptr;
  std::shared_ptr<const base::ThreadPool> pool_;
  std::optional<loaders::TensorStore> tensors_;  // the embedding tables live in its files
  ModelWeights weights_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::vector<SentenceModule> modules_;        // pooling first; mean pooling where the directory has none
  std::optional<loaders::SpladeSpec> splade_;  // the directory's; where it is there, the directory gives no sentence embeddings
  std::optional<StaticEmbedding> static_;      // in place of weights_ and the encoder
  std::unique_ptr<const Model> queries_;       // what queries run through, where that is another model; on the same threads
  std::optional<TokenVectors> token_vectors_;
  std::optional<TokenWeights> token_weights_;
  std::optional<SentenceHead> sentence_head_;   // in place of a head over the hidden states
  std::size_t truncate_dim_ = 0;                // of the directory's; 0: none
  std::map<std::string, std::string> prompts_;  // the directory's
  std::string default_prompt_;                  // goes before every text that is embedded
  bool pool_prompt_ = true;                     // whether the prompt's tokens take part in the pooling
  bool strip_text_ = false;
  bool lower_text_ = false;
  std::size_t max_length_ = 0;
  std::string info_;
  std::vector<base::LoggedFile> files_;
  mutable WorkspacePool workspaces_;
};

}  // namespace berth::engine
