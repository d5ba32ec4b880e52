// Attention over a ragged batch: every head of every row, on the pool's threads.
#pragma once

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// workspace.mixed() [tokens, queries] = attention over workspace.wide(), which holds [tokens, queries + keys + values] (and is changed).
void attend(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Precision precision,
            Workspace& workspace) noexcept;

// Whether it reads workspace.wide_bf16() and writes workspace.mixed_bf16() instead: where nothing but attention touches queries and keys.
bool attends_bf16_rows(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Precision precision) noexcept;

// Whether the feed-forward block's inner activation is BF16, in workspace.inner_bf16().
inline bool keeps_bf16_inner(const Compute& compute, const ModelConfig& config, Precision precision) noexcept {
  return keeps_bf16_rows(compute, precision) && config.body.gate == Gate::none;
}

// Floats of scratch that a thread needs for rows of up to `longest` tokens.
std::size_t attention_scratch(const Compute& compute, const ModelConfig& config, Precision precision, std::size_t longest) noexcept;

}  // namespace berth::engine
