// The encoder: one loop over layers for every architecture.
#pragma once

#include "engine/linear.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// Runs workspace.batch through the embeddings and the first `layers` layers; the hidden states are then in workspace.hidden(), [tokens, hidden].
// The workspace must be reserved for the batch. Ids, type ids and lengths are within the model's tables (the caller has checked).
void run_encoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::size_t layers, Workspace& workspace) noexcept;

}  // namespace berth::engine
