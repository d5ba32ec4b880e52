#include "engine/architectures/rope.hpp"

#include <string>
#include <utility>

#include "engine/model_config.hpp"

namespace berth::engine {

std::vector<double> rope_frequencies(const base::JsonObject& parameters, double theta, std::size_t dims) {
  const char* type_key = parameters.has("rope_type") ? "rope_type" : "type";  // older files call it so
  const std::string type = parameters.string_or(type_key, "default");
  std::vector<double> frequencies = rotary_frequencies(parameters.number_or("rope_theta", theta, 1.0, 1e12), dims);
  if (type == "default") return frequencies;
  if (parameters.number_or("partial_rotary_factor", 1.0, 0.0, 1.0) != 1.0) refuse(parameters, "partial_rotary_factor", "1");
  if (type != "linear") refuse(parameters, type_key, "default, linear");
  const auto factor = static_cast<float>(parameters.number("factor", 1.0, 1e6));
  for (double& frequency : frequencies) frequency = static_cast<double>(static_cast<float>(frequency) / factor);
  return frequencies;
}

void use_rope(const base::JsonObject& json, double theta, ModelConfig& config) {
  expect_pairs(json, config);
  theta = json.number_or("rope_theta", theta, 1.0, 1e12);
  const char *key = "rope_parameters", *older = "rope_scaling";
  const auto read = [&](const char* from) {
    return json.has(from) ? rope_frequencies(json.object(from), theta, config.head_size) : rotary_frequencies(theta, config.head_size);
  };
  std::vector<double> frequencies = read(json.has(key) ? key : older);
  // Of both the library takes the older.
  if (json.has(key) && json.has(older) && read(older) != frequencies) refuse(json, older, "null, or what \"rope_parameters\" says");
  use_rotary(config, {.frequencies = std::move(frequencies)});
}

void use_stated_rope(const base::JsonObject& json, ModelConfig& config) {
  const char* nested = "rope_parameters";
  const char* key = "rope_theta";
  const bool stated = json.has(nested) && json.object(nested).has(key);
  use_rope(json, stated ? json.object(nested).number(key, 1.0, 1e12) : json.number(key, 1.0, 1e12), config);
}

}  // namespace berth::engine
