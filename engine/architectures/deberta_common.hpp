// What the two generations of DeBERTa share.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "engine/architectures/common.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

// The tensors that both call the same.
TensorNames deberta_names();
std::vector<HeadSpec> deberta_heads();

// "pos_att_type": ["p2c", "c2p"], or the older "p2c|c2p", there in any case.
std::vector<std::string> deberta_position_types(const base::JsonObject& json);

// A size for which anything below 1 means `otherwise`.
std::size_t deberta_size_or(const base::JsonObject& json, const char* key, std::size_t otherwise);

// Which tables there are.
void read_deberta_embeddings(const base::JsonObject& json, ModelConfig& config);

}  // namespace berth::engine
