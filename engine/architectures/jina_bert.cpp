// JinaBERT v2 (Günther et al. 2023), in its two published forms: ALiBi in place of positions, a gated feed-forward block; the second form, of the code
// models, also norms queries and keys, and the attention block twice. Both say model_type "bert" and position_embedding_type "alibi".
#include <string>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

TensorNames names(bool normed_keys) {
  TensorNames names = kBertNames;
  names.position_embeddings = "";
  if (normed_keys) {
    names.query_norm = "encoder.layer.{i}.attention.self.layer_norm_q";
    names.key_norm = "encoder.layer.{i}.attention.self.layer_norm_k";
    names.attention_outer_norm = "encoder.layer.{i}.layer_norm_1";
    names.intermediate = "encoder.layer.{i}.mlp.up_gated_layer";
    names.output = "encoder.layer.{i}.mlp.down_layer";
    names.output_norm = "encoder.layer.{i}.layer_norm_2";
  } else {
    names.intermediate = "encoder.layer.{i}.mlp.gated_layers";
    names.output = "encoder.layer.{i}.mlp.wo";
    names.output_norm = "encoder.layer.{i}.mlp.layernorm";
  }
  return names;
}

void read_jina_bert(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  config.relative_bias = RelativeBias::alibi;
  const std::string type = json.string_or("feed_forward_type", "original");
  const bool normed_keys = !config.body.names.query_norm.empty();
  if (type == "geglu" || type == "reglu") {
    config.activation = type == "geglu" ? kernels::Activation::gelu : kernels::Activation::relu;
    config.body.biases.intermediate = false;
  } else if (type == "original" && !normed_keys) {
    config.body.gate = Gate::none;
    config.body.names.intermediate = kBertNames.intermediate;
    config.body.names.output = kBertNames.output;
    config.body.names.output_norm = kBertNames.output_norm;
  } else {
    refuse(json, "feed_forward_type", normed_keys ? "geglu, reglu" : "geglu, reglu, original");
  }
}

ArchitectureSpec jina_bert(bool normed_keys) {
  return {
      .model_type = "bert",
      .summary = normed_keys ? "JinaBERT v2 for code: ALiBi, GeGLU, norms on queries and keys" : "JinaBERT v2: ALiBi, GeGLU",
      .prefixes = {"", "bert."},
      .position_types = {"alibi"},
      .marker = normed_keys ? "encoder.layer.0.mlp.up_gated_layer.weight" : "",
      .body = {.names = names(normed_keys), .gate = normed_keys ? Gate::second_half : Gate::first_half},
      .pooler = kBertPooler,
      .heads = {pooled_classifier(), token_classifier(), span_head(), bert_masked_lm()},
      .read = read_jina_bert,
  };
}

}  // namespace

const ArchitectureSpec kJinaBertNormedKeys = jina_bert(true);
const ArchitectureSpec kJinaBert = jina_bert(false);

}  // namespace berth::engine
