// DeBERTa-v2 and v3 (He et al. 2020, 2021), as transformers' DebertaV2Model: attention in which contents and relative positions meet each other.
#include <cmath>
#include <limits>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// "pos_att_type": ["p2c", "c2p"], or the older "p2c|c2p", in any case. The library asks for these two; others that it knew once, or "none", have no effect.
void read_position_terms(const base::JsonObject& json, DisentangledSpec& spec) {
  const base::Json* types = json.find("pos_att_type");
  if (types == nullptr) return;
  const auto add = [&](const std::string& type) {
    if (type == "c2p") {
      spec.content_to_position = true;
    } else if (type == "p2c") {
      spec.position_to_content = true;
    } else if (!type.empty() && type != "none" && type != "p2p") {
      refuse(json, "pos_att_type", base::quoted(type), "c2p, p2c, p2p, none");
    }
  };
  if (types->is_string()) {
    std::string rest = base::lower_ascii(types->get<std::string>());
    for (std::size_t bar = 0; bar != std::string::npos; rest.erase(0, bar == std::string::npos ? 0 : bar + 1)) {
      bar = rest.find('|');
      std::string type = rest.substr(0, bar);
      type.erase(0, type.find_first_not_of(' '));
      type.erase(type.find_last_not_of(' ') + 1);
      add(type);
    }
    return;
  }
  if (!types->is_array()) json.fail("pos_att_type", "expected a list of strings");
  for (const base::Json& type : *types) {
    if (!type.is_string()) json.fail("pos_att_type", "expected a list of strings");
    add(type.get<std::string>());
  }
}

std::size_t positive_or(const base::JsonObject& json, const char* key, std::size_t otherwise) {
  const std::int64_t value = json.integer_or(key, -1, std::numeric_limits<std::int32_t>::min(), 1 << 20);
  return value < 1 ? otherwise : static_cast<std::size_t>(value);
}

void read_positions(const base::JsonObject& json, ModelConfig& config) {
  DisentangledSpec spec;
  read_position_terms(json, spec);
  const int terms = 1 + static_cast<int>(spec.content_to_position) + static_cast<int>(spec.position_to_content);
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(config.head_size) * static_cast<float>(terms));
  if (!json.boolean_or("relative_attention", false)) return;
  spec.shared_projections = json.boolean_or("share_att_key", false);
  spec.max_distance = positive_or(json, "max_relative_positions", config.position_rows);
  spec.bucket_size = positive_or(json, "position_buckets", 0);
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
  if (!json.boolean_or("position_biased_input", true)) config.body.names.position_embeddings = "";
  if (config.embedding_size == config.hidden_size) config.body.names.embedding_projection = "";
  config.body.biases.embedding_projection = false;
  read_positions(json, config);
  read_convolution(json, config);
}

const DenseStep kPooler{.name = "pooler.dense", .activation = kernels::Activation::gelu, .activation_key = "pooler_hidden_act"};

// Newer files of transformers may have the masked-language-model head under other names ("legacy": false).
HeadSpec newer_masked_lm() {
  return {.kind = HeadKind::masked_lm,
          .class_suffix = kForMaskedLm,
          .steps = {{.name = "lm_predictions.lm_head.dense",
                     .activation = kernels::Activation::gelu,
                     .activation_key = "hidden_act",
                     .norm = "lm_predictions.lm_head.LayerNorm"}},
          .decoder_bias = {"lm_predictions.lm_head.bias"}};
}

}  // namespace

const ArchitectureSpec kDebertaV2{
    .model_type = "deberta-v2",
    .summary = "DeBERTa-v2 and v3: disentangled attention (c2p, p2c, logarithmic buckets or none), the convolution of the xl models",
    .prefixes = {"", "deberta."},
    .position_types = {},
    .keys = {.embedding_size = "embedding_size"},
    .defaults = {.layer_norm_epsilon = 1e-7, .type_vocab_size = 0, .types_optional = true},
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.word_embeddings",
                     .position_embeddings = "embeddings.position_embeddings",
                     .token_type_embeddings = "embeddings.token_type_embeddings",
                     .embedding_norm = "embeddings.LayerNorm",
                     .embedding_projection = "embeddings.embed_proj",
                     .query = "encoder.layer.{i}.attention.self.query_proj",
                     .key = "encoder.layer.{i}.attention.self.key_proj",
                     .value = "encoder.layer.{i}.attention.self.value_proj",
                     .attention_output = "encoder.layer.{i}.attention.output.dense",
                     .attention_norm = "encoder.layer.{i}.attention.output.LayerNorm",
                     .intermediate = "encoder.layer.{i}.intermediate.dense",
                     .output = "encoder.layer.{i}.output.dense",
                     .output_norm = "encoder.layer.{i}.output.LayerNorm",
                     .relative_embeddings = "encoder.rel_embeddings",
                     .relative_embeddings_norm = "encoder.LayerNorm",
                     .position_key = "encoder.layer.{i}.attention.self.pos_key_proj",
                     .position_query = "encoder.layer.{i}.attention.self.pos_query_proj",
                     .convolution = "encoder.conv.conv",
                     .convolution_norm = "encoder.conv.LayerNorm",
                 },
             .project_before_norm = true},
    .heads = {sequence_classifier({kPooler, {.name = "classifier"}}), token_classifier(), span_head(), bert_masked_lm(), newer_masked_lm()},
    .read = read_deberta_v2,
};

}  // namespace berth::engine
