// Disentangled attention (He et al. 2020): relative positions take part in the scores through projections of their own embeddings. Those depend on the
// weights alone, so they are made once, when the model is loaded.
#pragma once

#include <string>

#include "engine/binder.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Checks that what bind_positions reads beside the layers is there.
void expect_positions(Binder& binder, const ModelConfig& config, const std::string& prefix);

// Fills position_keys and position_queries of every layer. Nothing to do for models without disentangled attention.
void bind_positions(ModelWeights& weights, const ModelConfig& config, const loaders::TensorStore& tensors, const std::string& prefix, const Compute& compute);

}  // namespace berth::engine
