// The encoder: one loop over layers for every architecture.
#pragma once

#include <cstddef>
#include <optional>

#include "engine/linear.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// Makes the workspace ready for its batch. Throws std::bad_alloc.
void prepare(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace);

// Runs workspace.batch through the embeddings and the first `layers` layers, or, without a number, through all of them and the norm behind them; the
// hidden states are then in workspace.hidden(), [tokens, hidden]. The workspace must be prepared for the batch. Ids, type ids and lengths are within the
// model's tables (the caller has checked).
void run_encoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers,
                 Workspace& workspace) noexcept;

}  // namespace berth::engine
