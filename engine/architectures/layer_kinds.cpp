#include "engine/architectures/layer_kinds.hpp"

#include <string>
#include <utility>

#include "engine/architectures/rope.hpp"

namespace berth::engine {

std::optional<std::vector<bool>> read_layer_types(const base::JsonObject& json, std::size_t layers) {
  const base::Json* types = json.find("layer_types");
  if (types == nullptr) return std::nullopt;
  if (!types->is_array() || types->size() != layers) json.fail("layer_types", "expected one string for each of " + std::to_string(layers) + " layers");
  std::vector<bool> sliding(layers);
  for (std::size_t i = 0; i < layers; ++i) {
    const base::Json& type = (*types)[i];
    if (type != kFullAttention && type != kSlidingAttention)
      json.fail("layer_types", "entry " + std::to_string(i) + " is " + base::describe(type) + ", expected " + kFullAttention + " or " + kSlidingAttention);
    sliding[i] = type == kSlidingAttention;
  }
  return sliding;
}

std::vector<double> read_kind_frequencies(const base::JsonObject& json, const char* kind, double theta, std::size_t dims) {
  if (!json.has("rope_parameters")) return rotary_frequencies(theta, dims);
  const base::JsonObject parameters = json.object("rope_parameters");
  if (parameters.has(kind)) return rope_frequencies(parameters.object(kind), theta, dims);
  return rotary_frequencies(theta, dims);
}

void use_layer_kinds(const std::vector<bool>& sliding, std::size_t window, std::vector<double> full_frequencies, std::vector<double> sliding_frequencies,
                     ModelConfig& config) {
  config.rotaries = {{.frequencies = std::move(full_frequencies)}, {.frequencies = std::move(sliding_frequencies)}};
  for (std::size_t i = 0; i < config.num_layers; ++i) {
    config.plan[i].rotary = sliding[i] ? 1 : 0;
    if (sliding[i]) config.plan[i].before = config.plan[i].behind = window;
  }
}

}  // namespace berth::engine
