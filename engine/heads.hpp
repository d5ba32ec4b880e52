// From hidden states to logits: a row's, every token's, or the vocabulary's at chosen tokens.
#pragma once

#include <cstddef>
#include <span>

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// All of these read the hidden states in `workspace` and throw std::bad_alloc when its vectors have to grow.

// out [batch rows, last step's outputs].
void run_row_head(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, HeadPooling pooling, Workspace& workspace, float* out);

// out [batch tokens, last step's outputs].
void run_token_head(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, Workspace& workspace, float* out);

// workspace.pooled = [batch tokens, returned size]: what the masked-language-model head compares with the vocabulary's rows.
std::size_t run_masked_steps(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace);

// out [tokens.size(), vocabulary]: the masked-language-model head at the batch's tokens number tokens[0], tokens[1], ...
void run_masked_head(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::span<const std::size_t> tokens, Workspace& workspace,
                     float* out);

}  // namespace berth::engine
