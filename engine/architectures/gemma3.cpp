// EmbeddingGemma (Vera et al. 2025), as transformers' Gemma3TextModel with "use_bidirectional_attention": norms before and behind the blocks and of each head,
// layers that see a window between layers that see the whole row, GeGLU. Gemma itself, whose tokens see what is before them alone, is no encoder.
#include <cmath>

#include "engine/architectures/common.hpp"
#include "engine/architectures/layer_kinds.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// By "layer_types", or all but every n-th.
std::vector<bool> read_sliding_pattern(const base::JsonObject& json, std::size_t layers) {
  if (const auto types = read_layer_types(json, layers)) return *types;
  const std::size_t every = size_or(json, "sliding_window_pattern", 6, 1, 1 << 16);
  std::vector<bool> sliding(layers);
  for (std::size_t i = 0; i < layers; ++i) sliding[i] = (i + 1) % every != 0;
  return sliding;
}

// transformers 4 has "rope_scaling", which is of the layers that see the whole row.
std::vector<double> read_full_frequencies(const base::JsonObject& json, std::size_t dims) {
  const double theta = json.number_or("rope_theta", 1e6, 1.0, 1e12);
  const char* scaling = "rope_scaling";
  if (!json.has(scaling)) return read_kind_frequencies(json, kFullAttention, theta, dims);
  if (json.has("rope_parameters")) refuse(json, scaling, "null beside \"rope_parameters\"");
  return rope_frequencies(json.object(scaling), theta, dims);
}

void read_gemma3(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  const char* bidirectional = "use_bidirectional_attention";
  if (!json.boolean_or(bidirectional, false)) refuse(json, bidirectional, "true; a causal language model is no encoder");
  if (json.has("attn_logit_softcapping")) refuse(json, "attn_logit_softcapping", "null");
  expect_pairs(json, config);
  config.body.biases.query_key_value = config.body.biases.attention_output = json.boolean_or("attention_bias", false);
  // The library keeps it in FP32, as it keeps the table where nobody asks for less.
  config.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(config.hidden_size)));
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(json.number_or("query_pre_attn_scalar", 256.0, 1e-6, 1e6)));
  const std::size_t window = size_or(json, "sliding_window", 4096, 1, 1 << 30) / 2;
  const double local_theta = json.number_or("rope_local_base_freq", 10000.0, 1.0, 1e12);
  use_layer_kinds(read_sliding_pattern(json, config.num_layers), window, read_full_frequencies(json, config.head_size),
                  read_kind_frequencies(json, kSlidingAttention, local_theta, config.head_size), config);
}

}  // namespace

const ArchitectureSpec kGemma3Text{
    .model_type = "gemma3_text",
    .summary = "EmbeddingGemma: RMSNorm before and behind the blocks and of each head, GeGLU, layers with a window between layers without; no causal model",
    .prefixes = {"", "model."},
    .position_types = {},
    .keys = {.num_key_value_heads = "num_key_value_heads",
             .head_size = "head_dim",
             .type_vocab_size = "",
             .activation = "hidden_activation",
             .layer_norm_epsilon = "rms_norm_eps"},
    .defaults = {.activation = "gelu_pytorch_tanh", .layer_norm_epsilon = 1e-6, .num_key_value_heads = 4, .head_size = 256},
    .body = {.names =
                 {
                     .word_embeddings = "embed_tokens",
                     .query = "layers.{i}.self_attn.q_proj",
                     .key = "layers.{i}.self_attn.k_proj",
                     .value = "layers.{i}.self_attn.v_proj",
                     .query_norm = "layers.{i}.self_attn.q_norm",
                     .key_norm = "layers.{i}.self_attn.k_norm",
                     .attention_output = "layers.{i}.self_attn.o_proj",
                     .attention_norm = "layers.{i}.input_layernorm",
                     .attention_result_norm = "layers.{i}.post_attention_layernorm",
                     .intermediate = "layers.{i}.mlp.gate_proj",
                     .intermediate_value = "layers.{i}.mlp.up_proj",
                     .output = "layers.{i}.mlp.down_proj",
                     .output_norm = "layers.{i}.pre_feedforward_layernorm",
                     .output_result_norm = "layers.{i}.post_feedforward_layernorm",
                     .final_norm = "norm",
                 },
             .norms = NormKind::rms,
             .norms_store_excess = true,
             .norms_each_head = true,
             .pre_norm = true,
             .gate = Gate::first_half,
             .biases = {.intermediate = false, .output = false}},
    .read = read_gemma3,
};

}  // namespace berth::engine
