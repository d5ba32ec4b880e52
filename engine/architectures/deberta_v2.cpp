// DeBERTa-v2 and v3 (He et al. 2020, 2021), as transformers' DebertaV2Model: attention in which contents and relative positions meet each other.
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "engine/architectures/deberta_common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// The library asks for these two; others that it knew once, or "none", have no effect.
void read_position_terms(const base::JsonObject& json, DisentangledSpec& spec) {
  for (const std::string& type : deberta_position_types(json)) {
    if (type == "c2p") {
      spec.content_to_position = true;
    } else if (type == "p2c") {
      spec.position_to_content = true;
    } else if (!type.empty() && type != "none" && type != "p2p") {
      refuse(json, "pos_att_type", base::quoted(type), "c2p, p2c, p2p, none");
    }
  }
}

void read_positions(const base::JsonObject& json, ModelConfig& config) {
  DisentangledSpec spec;
  read_position_terms(json, spec);
  const int terms = 1 + static_cast<int>(spec.content_to_position) + static_cast<int>(spec.position_to_content);
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(config.head_size) * static_cast<float>(terms));
  if (!json.boolean_or("relative_attention", false)) return;
  spec.shared_projections = json.boolean_or("share_att_key", false);
  spec.max_distance = deberta_size_or(json, "max_relative_positions", config.position_rows);
  spec.bucket_size = deberta_size_or(json, "position_buckets", 0);
  spec.span = spec.bucket_size > 0 ? spec.bucket_size : spec.max_distance;
  // Distances up to half of the buckets have one each, and where rows reach no further there is no logarithm, whatever the largest distance.
  const std::size_t middle = spec.bucket_size / 2;
  if (spec.bucket_size > 0 && (spec.bucket_size < 4 || (spec.max_distance <= middle + 1 && config.max_positions > middle + 1)))
    json.fail("position_buckets", "must be at least 4, and half of it below \"max_relative_positions\"");
  const std::string norm = base::lower_ascii(json.string_or("norm_rel_ebd", "none"));
  if (norm != "layer_norm" && norm != "none") refuse(json, "norm_rel_ebd", "layer_norm, none");
  if (norm == "none") config.body.names.relative_embeddings_norm = "";
  if (spec.content_to_position || spec.position_to_content) config.disentangled = spec;
}

TensorNames deberta_v2_names() {
  TensorNames names = deberta_names();
  names.query = "encoder.layer.{i}.attention.self.query_proj";
  names.key = "encoder.layer.{i}.attention.self.key_proj";
  names.value = "encoder.layer.{i}.attention.self.value_proj";
  names.relative_embeddings_norm = "encoder.LayerNorm";
  names.position_key = "encoder.layer.{i}.attention.self.pos_key_proj";
  names.position_query = "encoder.layer.{i}.attention.self.pos_query_proj";
  names.convolution = "encoder.conv.conv";
  names.convolution_norm = "encoder.conv.LayerNorm";
  return names;
}

void read_convolution(const base::JsonObject& json, ModelConfig& config) {
  const std::size_t width = size_or(json, "conv_kernel_size", 0, 0, 255);
  if (width == 0) return;
  if (width % 2 == 0) json.fail("conv_kernel_size", "must be odd: an even one would change the number of tokens");
  config.convolution.width = width;
  config.convolution.groups = size_or(json, "conv_groups", 1, 1, config.hidden_size);
  if (config.hidden_size % config.convolution.groups != 0) json.fail("conv_groups", "must divide \"hidden_size\"");
  config.convolution.activation = activation_by_name(json.string_or("conv_act", "tanh"), json.label(), "conv_act");
}

void read_deberta_v2(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_head_size(json, "attention_head_size", config);
  read_deberta_embeddings(json, config);
  read_positions(json, config);
  read_convolution(json, config);
}

}  // namespace

const ArchitectureSpec kDebertaV2{
    .model_type = "deberta-v2",
    .summary = "DeBERTa-v2 and v3: disentangled attention (c2p, p2c, logarithmic buckets or none), the convolution of the xl models",
    .prefixes = {"", "deberta."},
    .position_types = {},
    .keys = {.embedding_size = "embedding_size"},
    .defaults = {.layer_norm_epsilon = 1e-7, .type_vocab_size = 0, .types_optional = true},
    .body = {.names = deberta_v2_names(), .project_before_norm = true},
    .heads = deberta_heads(),
    .read = read_deberta_v2,
};

}  // namespace berth::engine
