// DeBERTa (He et al. 2020), the first, as transformers' DebertaModel: each head's queries, keys and values in one matrix, a relative position each of its own
// up to the largest.
#include <cmath>

#include "base/error.hpp"
#include "engine/architectures/deberta_common.hpp"
#include "engine/architectures/registry.hpp"

namespace berth::engine {

namespace {

void read_deberta(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  refuse_flag(json, "talking_head", true);
  read_deberta_embeddings(json, config);
  DisentangledSpec spec;
  const std::vector<std::string> types = deberta_position_types(json);
  for (const std::string& type : types) {
    if (type != "c2p" && type != "p2c") refuse(json, "pos_att_type", base::quoted(type), "c2p, p2c");
    (type == "c2p" ? spec.content_to_position : spec.position_to_content) = true;
  }
  // However many are named, also where there are no relative positions.
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(config.head_size) * static_cast<float>(1 + types.size()));
  if (types.empty() || !json.boolean_or("relative_attention", false)) return;
  spec.max_distance = spec.span = deberta_size_or(json, "max_relative_positions", config.position_rows);
  config.disentangled = spec;
}

TensorNames first_deberta_names() {
  TensorNames names = deberta_names();
  names.query_key_value = "encoder.layer.{i}.attention.self.in_proj";
  names.query_bias = "encoder.layer.{i}.attention.self.q_bias";
  names.value_bias = "encoder.layer.{i}.attention.self.v_bias";
  names.position_key = "encoder.layer.{i}.attention.self.pos_proj";
  names.position_query = "encoder.layer.{i}.attention.self.pos_q_proj";
  return names;
}

}  // namespace

const ArchitectureSpec kDeberta{
    .model_type = "deberta",
    .summary = "DeBERTa, the first: disentangled attention (c2p, p2c) up to a largest distance",
    .prefixes = {"", "deberta."},
    .position_types = {},
    .keys = {.embedding_size = "embedding_size"},
    .defaults = {.layer_norm_epsilon = 1e-7, .type_vocab_size = 0, .types_optional = true},
    .body = {.names = first_deberta_names(), .project_before_norm = true, .heads_interleaved = true, .biases = {.position_key = false}},
    .heads = deberta_heads(),
    .read = read_deberta,
};

}  // namespace berth::engine
