#include "engine/architectures/relative_keys.hpp"

namespace berth::engine {

void read_learned_positions(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  const std::string type = json.string_or("position_embedding_type", "absolute");
  if (type == "absolute") return;
  // Each layer's queries meet the distances (relative_key), and its keys, too (relative_key_query), by one table of all heads. The absolute table is in the
  // file, and nothing reads it: nor do positions start behind the padding id.
  config.body.names.position_embeddings = "";
  config.body.names.distance_embedding = "encoder.layer.{i}.attention.self.distance_embedding";
  config.body.positions_skip_padding = false;
  config.max_positions = config.position_rows;
  config.disentangled = {
      .span = config.position_rows, .max_distance = config.position_rows, .content_to_position = true, .position_to_content = type == "relative_key_query"};
}

}  // namespace berth::engine
