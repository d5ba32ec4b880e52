// From ids to the first hidden states.
#pragma once

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// workspace.hidden() [tokens, hidden] = the sum of each token's rows of the tables, normed and projected as the model does it. The same is
// in workspace.low() for `reader`, if it is not null.
void embed(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const Linear* reader, Workspace& workspace) noexcept;

// The same of what a decoder reads: every token that of the one before it, the first that of config.decoder.start_id.
void embed_moved(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const Linear* reader, Workspace& workspace) noexcept;

// workspace.convolved() = the activated convolution of workspace.hidden(), row by row of the batch. For models that have one.
void convolve(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) noexcept;

}  // namespace berth::engine
