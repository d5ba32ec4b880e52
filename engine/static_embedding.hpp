// Static models: a text's vector is the mean of its tokens' rows of one table (model2vec, sentence-transformers' StaticEmbedding), or, without a table, the
// weights of the vocabulary's entries that are among its tokens (SparseStaticEmbedding).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/model_config.hpp"
#include "engine/splade.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"
#include "loaders/model_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

struct StaticEmbedding {
  TableView table;                      // no rows: the weights alone make sparse vectors
  std::vector<std::uint32_t> rows;      // of the table, by token id; empty: the ids themselves
  Vector weights;                       // of the tokens, by id; empty: all 1
  std::optional<std::int32_t> dropped;  // model2vec leaves the unknown token out
  std::size_t max_length = 0;           // tokens; what model2vec encodes when it is not asked for more
  std::size_t code_points_a_token = 0;  // model2vec cuts a text to so many for each of those before it tokenizes; 0: it is not cut

  bool is_sparse() const noexcept { return table.rows == 0; }
};

// Fills `config` and the counts of `weights`, as far as such a model has what they describe. base::Error: corrupt_file for tensors that are missing, misshapen or
// out of the table, unsupported for element types that are not floats, non_finite.
StaticEmbedding bind_static_embedding(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors, const tokenizer::Tokenizer* tokenizer,
                                      const Compute& compute, ModelConfig& config, ModelWeights& weights);

// workspace.hidden() [tokens, size] = each token's row times its weight. Throws std::bad_alloc.
void run_static_embedding(const Compute& compute, const StaticEmbedding& embedding, std::size_t size, Workspace& workspace);

// workspace.pooled [batch rows, size] = their mean, without keeping them; zeros for a row without tokens. Throws std::bad_alloc.
void pool_static_embedding(const Compute& compute, const StaticEmbedding& embedding, std::size_t size, Workspace& workspace);

// Appends for each of the batch's rows the weight of every entry that is there, however often; `most` as in SparseVectors::end_row. Throws std::bad_alloc.
void run_static_weights(const StaticEmbedding& embedding, std::size_t most, Workspace& workspace, SparseVectors& out);

}  // namespace berth::engine
