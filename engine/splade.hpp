// SPLADE: one weight for each entry of the vocabulary, from the masked-language-model head's logits of all tokens of a row.
#pragma once

#include <cstddef>
#include <vector>

#include <berth/berth.h>

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// The values of some rows that are not zero, by ascending index.
struct SparseVectors {
  std::vector<berth_sparse_value> values;
  std::vector<std::size_t> first{0};  // [rows + 1]

  // Ends a row whose values have been put behind those of the rows before, keeping the `most` largest in magnitude (0: all; the lower index among equals).
  void end_row(std::size_t most);
};

// Appends a row of at most `most` values (0: all) for each of the batch's. Logits exist for some tokens and a stretch of the vocabulary at a time, and
// are folded at once. base::Error{non_finite} naming the input counted from `first_input`; std::bad_alloc.
void run_splade(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const loaders::SpladeSpec& spec, std::size_t most,
                std::size_t first_input, Workspace& workspace, SparseVectors& out);

}  // namespace berth::engine
