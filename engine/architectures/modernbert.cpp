// ModernBERT (Warner et al. 2024), as transformers' ModernBertModel: rotary positions, GeGLU, norms before the blocks, and layers that see the whole row
// in turn with layers that see a window.
#include <string>
#include <vector>

#include "engine/architectures/common.hpp"
#include "engine/architectures/layer_kinds.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// By "layer_types" (transformers 5), or all but every n-th.
std::vector<bool> read_sliding(const base::JsonObject& json, std::size_t layers) {
  if (const auto types = read_layer_types(json, layers)) return *types;
  const std::size_t every = size_or(json, "global_attn_every_n_layers", 3, 1, 1 << 16);
  std::vector<bool> sliding(layers);
  for (std::size_t i = 0; i < layers; ++i) sliding[i] = i % every != 0;
  return sliding;
}

void read_modernbert(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_pairs(json, config);
  Biases& biases = config.body.biases;
  biases.norms = json.boolean_or("norm_bias", false);
  biases.query_key_value = biases.attention_output = json.boolean_or("attention_bias", false);
  biases.intermediate = biases.output = json.boolean_or("mlp_bias", false);

  // transformers 4 ignores it, 5 has it for both kinds of layer.
  if (json.has("rope_scaling")) refuse(json, "rope_scaling", "null");
  const std::vector<bool> sliding = read_sliding(json, config.num_layers);
  const std::size_t window = size_or(json, "local_attention", 128, 1, 1 << 30) / 2;
  const double global_theta = json.number_or("global_rope_theta", 160000.0, 1.0, 1e12);
  const bool stated_as_null = json.json().contains("local_rope_theta");  // which means the global one
  const double local_theta = json.number_or("local_rope_theta", stated_as_null ? global_theta : 10000.0, 1.0, 1e12);
  use_layer_kinds(sliding, window, read_kind_frequencies(json, kFullAttention, global_theta, config.head_size),
                  read_kind_frequencies(json, kSlidingAttention, local_theta, config.head_size), config);
  const std::string pooling = json.string_or("classifier_pooling", "cls");
  if (pooling != "cls" && pooling != "mean") refuse(json, "classifier_pooling", "cls, mean");
  config.head.pooling = pooling == "mean" ? HeadPooling::mean : HeadPooling::first;
}

// The prediction head that all of ModernBERT's heads begin with.
const DenseStep kPrediction{.name = "head.dense",
                            .activation = kernels::Activation::gelu,
                            .activation_key = "classifier_activation",
                            .norm = "head.norm",
                            .bias_key = "classifier_bias"};

}  // namespace

const ArchitectureSpec kModernBert{
    .model_type = "modernbert",
    .summary = "rotary positions, GeGLU, norms before the blocks, layers with a window between layers without",
    .prefixes = {"", "model."},
    .position_types = {},
    .keys = {.type_vocab_size = "", .activation = "hidden_activation", .layer_norm_epsilon = "norm_eps"},
    .defaults = {.layer_norm_epsilon = 1e-5},
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.tok_embeddings",
                     .embedding_norm = "embeddings.norm",
                     .query_key_value = "layers.{i}.attn.Wqkv",
                     .attention_output = "layers.{i}.attn.Wo",
                     .attention_norm = "layers.{i}.attn_norm",
                     .intermediate = "layers.{i}.mlp.Wi",
                     .output = "layers.{i}.mlp.Wo",
                     .output_norm = "layers.{i}.mlp_norm",
                     .final_norm = "final_norm",
                 },
             .pre_norm = true,
             .first_attention_norm = false,
             .gate = Gate::first_half},
    .heads = {sequence_classifier({kPrediction, {.name = "classifier"}}),
              token_classifier({kPrediction, {.name = "classifier"}}),
              span_head({kPrediction, {.name = "classifier"}}),
              {.kind = HeadKind::masked_lm,
               .class_suffix = kForMaskedLm,
               .steps = {kPrediction},
               .decoder = "decoder",
               .decoder_bias = {"decoder.bias"},
               .decoder_bias_key = "decoder_bias"}},
    .read = read_modernbert,
};

}  // namespace berth::engine
