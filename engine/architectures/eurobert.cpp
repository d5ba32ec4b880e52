// EuroBERT (Boizard et al. 2025), as transformers' EuroBertModel: Llama's layers, which see the whole row: RMSNorm before the blocks, rotary positions, keys
// and values that several heads share, SwiGLU.
#include <string>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// The published code reads "clf_pooling", the library's "classifier_pooling".
void read_pooling(const base::JsonObject& json, ModelConfig& config) {
  const char* older = "clf_pooling";
  const char* key = json.has("classifier_pooling") || !json.has(older) ? "classifier_pooling" : older;
  const std::string pooling = json.string_or(key, "late");
  if (json.has(older) && json.string(older) != pooling) refuse(json, older, "what \"classifier_pooling\" says (" + base::quoted(pooling) + ")");
  if (pooling != "bos" && pooling != "mean" && pooling != "late") refuse(json, key, "bos, late, mean");
  config.head.pooling = pooling == "bos" ? HeadPooling::first : pooling == "mean" ? HeadPooling::mean : HeadPooling::late;
}

void read_eurobert(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  Biases& biases = config.body.biases;
  biases.query_key_value = biases.attention_output = json.boolean_or("attention_bias", false);
  biases.intermediate = biases.output = json.boolean_or("mlp_bias", false);
  use_stated_rope(json, config);
  read_pooling(json, config);
}

void read_masked_lm(const base::JsonObject& json, HeadConfig& head) {
  if (json.boolean_or("mlp_bias", false)) head.decoder_bias = {"lm_head.bias"};
}

}  // namespace

const ArchitectureSpec kEuroBert{
    .model_type = "eurobert",
    .summary = "RMSNorm before the blocks, rotary positions, keys and values that heads share, SwiGLU",
    .prefixes = {"", "model."},
    .position_types = {},
    .keys = {.num_key_value_heads = "num_key_value_heads", .head_size = "head_dim", .type_vocab_size = "", .layer_norm_epsilon = "rms_norm_eps"},
    .defaults = {.activation = "silu", .layer_norm_epsilon = 1e-5, .tie_word_embeddings = false},
    .body = {.names =
                 {
                     .word_embeddings = "embed_tokens",
                     .query = "layers.{i}.self_attn.q_proj",
                     .key = "layers.{i}.self_attn.k_proj",
                     .value = "layers.{i}.self_attn.v_proj",
                     .attention_output = "layers.{i}.self_attn.o_proj",
                     .attention_norm = "layers.{i}.input_layernorm",
                     .intermediate = "layers.{i}.mlp.gate_proj",
                     .intermediate_value = "layers.{i}.mlp.up_proj",
                     .output = "layers.{i}.mlp.down_proj",
                     .output_norm = "layers.{i}.post_attention_layernorm",
                     .final_norm = "norm",
                 },
             .norms = NormKind::rms,
             .pre_norm = true,
             .gate = Gate::first_half},
    .heads = {sequence_classifier({{.name = "dense", .activation = kernels::Activation::gelu}, {.name = "classifier"}}),
              token_classifier(),
              {.kind = HeadKind::masked_lm, .class_suffix = kForMaskedLm, .decoder = "lm_head", .read = read_masked_lm}},
    .read = read_eurobert,
};

}  // namespace berth::engine
