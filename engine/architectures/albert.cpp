// ALBERT (Lan et al. 2020), as transformers' AlbertModel: small tables and a projection, and groups of layers that share their weights.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// Layer i runs all layers of group i / (layers / groups), a division that need not come out even.
void read_albert(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  const std::size_t groups = size_or(json, "num_hidden_groups", 1, 1, config.num_layers);
  config.inner_layers = size_or(json, "inner_group_num", 1, 1, 64);
  config.stored_layers = groups * config.inner_layers;
  config.plan.clear();
  for (std::size_t i = 0; i < config.num_layers; ++i) {
    const double layers_a_group = static_cast<double>(config.num_layers) / static_cast<double>(groups);
    const auto group = static_cast<std::size_t>(static_cast<double>(i) / layers_a_group);
    for (std::size_t inner = 0; inner < config.inner_layers; ++inner) config.plan.push_back({.weights = group * config.inner_layers + inner});
  }
}

}  // namespace

const ArchitectureSpec kAlbert{
    .model_type = "albert",
    .summary = "small tables and a projection; groups of layers share their weights",
    .prefixes = {"", "albert."},
    .keys = {.embedding_size = "embedding_size"},
    .defaults = {.activation = "gelu_new", .embedding_size = 128},
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.word_embeddings",
                     .position_embeddings = "embeddings.position_embeddings",
                     .token_type_embeddings = "embeddings.token_type_embeddings",
                     .embedding_norm = "embeddings.LayerNorm",
                     .embedding_projection = "encoder.embedding_hidden_mapping_in",
                     .query = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.attention.query",
                     .key = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.attention.key",
                     .value = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.attention.value",
                     .attention_output = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.attention.dense",
                     .attention_norm = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.attention.LayerNorm",
                     .intermediate = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.ffn",
                     .output = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.ffn_output",
                     .output_norm = "encoder.albert_layer_groups.{group}.albert_layers.{inner}.full_layer_layer_norm",
                 }},
    .pooler = {{.name = "pooler", .activation = kernels::Activation::tanh, .in_body = true}},
    .heads = {sequence_classifier({{.name = "pooler", .activation = kernels::Activation::tanh, .in_body = true}, {.name = "classifier"}}),
              token_classifier(),
              span_head(),
              {.kind = HeadKind::masked_lm,
               .class_suffix = kForMaskedLm,
               .steps = {{.name = "predictions.dense",
                          .activation = kernels::Activation::gelu_tanh,
                          .activation_key = "hidden_act",
                          .norm = "predictions.LayerNorm"}},
               .decoder = "predictions.decoder",
               .decoder_bias = {"predictions.bias", "predictions.decoder.bias"}}},
    .read = read_albert,
};

}  // namespace berth::engine
