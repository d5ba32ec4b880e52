// BERT and its kin with relative positions in place of absolute ones (Shaw et al. 2018, Huang et al. 2020), as transformers 4 has them.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

// What "position_embedding_type" may be.
inline const std::vector<std::string_view> kLearnedPositions = {"absolute", "relative_key", "relative_key_query"};

// For ArchitectureSpec::read.
void read_learned_positions(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config);

}  // namespace berth::engine
