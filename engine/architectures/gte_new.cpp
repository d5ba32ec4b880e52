// The "new" encoder of GTE v1.5 and multilingual GTE (Zhang et al. 2024), as its published modelling file: rotary positions, one stored matrix for
// queries, keys and values, GeGLU with the gate behind.
#include <string>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// "rope_theta" and "rope_scaling", or both in the "rope_parameters" that transformers 5 writes.
std::vector<double> read_frequencies(const base::JsonObject& json, std::size_t dims) {
  const char* key = json.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  double theta = json.number_or("rope_theta", 10000.0, 1.0, 1e12);
  if (!json.has(key)) return rotary_frequencies(theta, dims);
  const base::JsonObject scaling = json.object(key);
  theta = scaling.number_or("rope_theta", theta, 1.0, 1e12);
  const char* type_key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string type = scaling.string(type_key);
  if (type == "default") return rotary_frequencies(theta, dims);
  if (type != "ntk") refuse(scaling, type_key, "default, ntk");
  const double factor = scaling.number("factor", 1.0, 1e6);
  if (factor == 1.0) return rotary_frequencies(theta, dims);
  if (scaling.has("mixed_b")) return mixed_ntk_frequencies(theta, dims, factor, scaling.number("mixed_b", 0.0, 16.0));
  return ntk_frequencies(theta, dims, factor);
}

void read_gte_new(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  for (const char* key : {"logn_attention_scale", "logn_attention_clip1"}) refuse_flag(json, key, true);
  if (json.string_or("layer_norm_type", "layer_norm") != "layer_norm") refuse(json, "layer_norm_type", "layer_norm");
  config.body.biases.intermediate = false;
  if (!json.boolean_or("pack_qkv", true)) {
    config.body.names.query_key_value = "";
    config.body.names.query = "encoder.layer.{i}.attention.q_proj";
    config.body.names.key = "encoder.layer.{i}.attention.k_proj";
    config.body.names.value = "encoder.layer.{i}.attention.v_proj";
  }
  if (json.string_or("position_embedding_type", "rope") == "absolute") return;
  config.body.names.position_embeddings = "";
  expect_pairs(json, config);
  use_rotary(config, {.frequencies = read_frequencies(json, config.head_size)});
}

}  // namespace

const ArchitectureSpec kGteNew{
    .model_type = "new",
    .summary = "GTE v1.5 and multilingual GTE: rotary positions, plain or NTK-scaled, GeGLU",
    .prefixes = {"", "new."},
    .position_types = {"rope", "absolute"},
    .defaults = {.type_vocab_size = 1, .types_optional = true},
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.word_embeddings",
                     .position_embeddings = "embeddings.position_embeddings",
                     .token_type_embeddings = "embeddings.token_type_embeddings",
                     .embedding_norm = "embeddings.LayerNorm",
                     .query_key_value = "encoder.layer.{i}.attention.qkv_proj",
                     .attention_output = "encoder.layer.{i}.attention.o_proj",
                     .attention_norm = "encoder.layer.{i}.attn_ln",
                     .intermediate = "encoder.layer.{i}.mlp.up_gate_proj",
                     .output = "encoder.layer.{i}.mlp.down_proj",
                     .output_norm = "encoder.layer.{i}.mlp_ln",
                 },
             .gate = Gate::second_half},
    .pooler = kBertPooler,
    .heads = {pooled_classifier(),
              token_classifier(),
              span_head(),
              {.kind = HeadKind::masked_lm,
               .class_suffix = kForMaskedLm,
               .steps = {{.name = "lm_head.dense", .activation = kernels::Activation::gelu, .activation_key = "hidden_act", .norm = "lm_head.norm"}},
               .decoder = "lm_head.decoder",
               .decoder_bias = {"lm_head.decoder.bias", "lm_head.bias"}}},
    .read = read_gte_new,
};

// The same under the name that the file has in models made from it (Snowflake's arctic-embed-m-v2.0).
const ArchitectureSpec kGte = [] {
  ArchitectureSpec spec = kGteNew;
  spec.model_type = "gte";
  spec.summary = "`new` under another name";
  spec.prefixes = {"", "gte.", "new."};
  return spec;
}();

}  // namespace berth::engine
