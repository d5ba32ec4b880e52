// One vector for each token (late interaction): what stands behind the transformer, how queries and documents differ, and the score of two texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/model_config.hpp"
#include "engine/pooling.hpp"
#include "engine/splade.hpp"
#include "loaders/model_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

// Values of every token of some rows.
struct TokenValues {
  std::vector<float> values;                // [tokens of all rows, size]
  std::vector<std::size_t> first_token{0};  // [rows + 1]
  std::size_t size = 0;
};

struct TokenVectors {
  struct Side {
    std::optional<std::int32_t> marker;  // behind the first token
    std::string prompt;
    std::size_t length = 0;  // tokens; 0: as many as the model has
    std::size_t fill = 0;    // texts are filled up to so many
  };
  Side query;
  Side document;
  std::int32_t fill_id = 0;
  bool fill_attended = false;
  std::vector<std::int32_t> skipped;    // sorted: tokens of documents that have no vector
  bool skip_first = false;              // the first token has none either
  std::vector<SentenceModule> modules;  // dense and normalize, over every token
  std::size_t size = 0;                 // of a vector

  const Side& side(bool is_query) const noexcept { return is_query ? query : document; }
};

// Of a late-interaction directory, or of BGE-M3 with its colbert_linear.pt; nothing for others. base::Error as the loaders and bind_weights
// throw it; unsupported for a directory whose tokenizer lacks the tokens that it needs.
std::optional<TokenVectors> bind_token_vectors(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors, const ModelConfig& config,
                                               const tokenizer::Tokenizer* tokenizer, const Compute& compute, base::FileAccess access);

// Appends the vectors of the batch's rows, of queries or of documents. base::Error{non_finite} naming the input counted from `first_input`.
void run_token_vectors(const Compute& compute, const TokenVectors& vectors, bool query, std::size_t hidden_size, std::size_t first_input, Workspace& workspace,
                       TokenValues& out);

// BGE-M3's sparse vectors: a weight for each of a text's own tokens.
struct TokenWeights {
  Vector weight;  // [hidden]
  float bias = 0.0F;
  std::vector<std::int32_t> skipped;  // sorted: special tokens
};
// Of a directory with sparse_linear.pt.
std::optional<TokenWeights> bind_token_weights(const loaders::ModelDirectory& directory, const ModelConfig& config, const tokenizer::Tokenizer* tokenizer,
                                               const Compute& compute, base::FileAccess access);
// Appends for each of the batch's rows the largest relu(weight . hidden + bias) of each id. Errors as above.
void run_token_weights(const Compute& compute, const TokenWeights& weights, std::size_t hidden_size, std::size_t most, std::size_t first_input,
                       Workspace& workspace, SparseVectors& out);

// The sum over the query's vectors of the largest product with any of the document's; 0 where either has none. Both [vectors, size].
float max_similarity(const kernels::KernelTable& kernels, std::span<const float> query, std::span<const float> document, std::size_t size) noexcept;

}  // namespace berth::engine
