// What config.json says about rotary positions, in the form that transformers 5 writes.
#pragma once

#include <vector>

#include "base/json.hpp"
#include "engine/positions.hpp"

namespace berth::engine {

// {"rope_theta": ..., "rope_type": "default" or "linear" with "factor"}; unsupported for any other type. `theta` is what it means without one.
std::vector<double> rope_frequencies(const base::JsonObject& parameters, double theta, std::size_t dims);

// Whole heads turn in every layer, by "rope_parameters", or by the "rope_theta" and "rope_scaling" of older files. `theta` is what they mean without.
void use_rope(const base::JsonObject& json, double theta, ModelConfig& config);
// The same where the base must be said, as what is meant without one differs between releases or programs.
void use_stated_rope(const base::JsonObject& json, ModelConfig& config);

}  // namespace berth::engine
