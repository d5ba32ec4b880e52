// Layers that see a window between layers that see the whole row, each kind with rotary positions of its own.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/json.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

inline constexpr const char* kFullAttention = "full_attention";
inline constexpr const char* kSlidingAttention = "sliding_attention";

// Which layers see a window, by "layer_types" (transformers 5); nullopt without it.
std::optional<std::vector<bool>> read_layer_types(const base::JsonObject& json, std::size_t layers);

// The rotary frequencies of one kind of layer, which "rope_parameters" (transformers 5) has by kind; what is there for no kind is nobody's. `theta` is what they
// have without.
std::vector<double> read_kind_frequencies(const base::JsonObject& json, const char* kind, double theta, std::size_t dims);

// The layers of config.plan as `sliding` says; those that slide see `window` tokens to either side.
void use_layer_kinds(const std::vector<bool>& sliding, std::size_t window, std::vector<double> full_frequencies, std::vector<double> sliding_frequencies,
                     ModelConfig& config);

}  // namespace berth::engine
