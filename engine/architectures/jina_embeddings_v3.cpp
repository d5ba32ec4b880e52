// Jina embeddings v3 (Sturua et al. 2024), as transformers' JinaEmbeddingsV3Model: XLM-RoBERTa with rotary positions. Its adapters are files of their own,
// which the library, too, loads only where somebody asks.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"

namespace berth::engine {

namespace {

void read_jina_embeddings_v3(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_head_size(json, "head_dim", config);
  use_rope(json, 20000.0, config);
}

TensorNames jina_v3_names() {
  TensorNames names = kSeparateProjections;
  names.intermediate = "layers.{i}.mlp.fc1";
  names.output = "layers.{i}.mlp.fc2";
  return names;
}

// Those of the model's own published file, which transformers writes, too.
TensorNames published_jina_v3_names() {
  TensorNames names = kPackedProjections;
  names.query_key_value = "encoder.layers.{i}.mixer.Wqkv";
  names.attention_output = "encoder.layers.{i}.mixer.out_proj";
  names.intermediate = "encoder.layers.{i}.mlp.fc1";
  names.output = "encoder.layers.{i}.mlp.fc2";
  return names;
}

}  // namespace

const ArchitectureSpec kJinaEmbeddingsV3{
    .model_type = "jina_embeddings_v3",
    .summary = "XLM-RoBERTa with rotary positions; without adapters",
    .prefixes = {"", "roberta."},
    .position_types = {},
    .defaults = {.layer_norm_epsilon = 1e-5, .type_vocab_size = 1},
    .body = {.names = jina_v3_names()},
    .other_names = {published_jina_v3_names()},
    .pooler = kBertPooler,
    .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
    .read = read_jina_embeddings_v3,
};

}  // namespace berth::engine
