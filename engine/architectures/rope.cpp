#include "engine/architectures/rope.hpp"

#include <string>

#include "engine/model_config.hpp"

namespace berth::engine {

std::vector<float> rope_frequencies(const base::JsonObject& parameters, double theta, std::size_t dims) {
  const char* type_key = parameters.has("rope_type") ? "rope_type" : "type";  // older files call it so
  const std::string type = parameters.string_or(type_key, "default");
  std::vector<float> frequencies = rotary_frequencies(parameters.number_or("rope_theta", theta, 1.0, 1e12), dims);
  if (type == "default") return frequencies;
  if (type != "linear") refuse(parameters, type_key, "default, linear");
  const auto factor = static_cast<float>(parameters.number("factor", 1.0, 1e6));
  for (float& frequency : frequencies) frequency /= factor;
  return frequencies;
}

}  // namespace berth::engine
