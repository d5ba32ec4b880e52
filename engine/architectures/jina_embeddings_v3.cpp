// Jina embeddings v3 (Sturua et al. 2024): XLM-RoBERTa with rotary positions. As transformers' JinaEmbeddingsV3Model its adapters are directories of their own,
// in the published files they are among the weights; either way none runs where nobody asks (loaders/adapters.hpp).
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"

namespace berth::engine {

namespace {

void read_jina_embeddings_v3(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_head_size(json, "head_dim", config);
  use_rope(json, 20000.0, config);
}

void read_published(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_pairs(json, config);
  use_rotary(config, {.frequencies = rotary_frequencies(json.number_or("rotary_emb_base", 10000.0, 1.0, 1e12), config.head_size)});
}

TensorNames jina_v3_names() {
  TensorNames names = kSeparateProjections;
  names.intermediate = "layers.{i}.mlp.fc1";
  names.output = "layers.{i}.mlp.fc2";
  return names;
}

}  // namespace

const ArchitectureSpec kJinaEmbeddingsV3{
    .model_type = "jina_embeddings_v3",
    .summary = "XLM-RoBERTa with rotary positions",
    .prefixes = {"", "roberta."},
    .position_types = {},
    .defaults = {.layer_norm_epsilon = 1e-5, .type_vocab_size = 1},
    .body = {.names = jina_v3_names()},
    .other_names = {kMixerNames},
    .pooler = kBertPooler,
    .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
    .read = read_jina_embeddings_v3,
};

const ArchitectureSpec kXlmRobertaRotary{
    .model_type = "xlm-roberta",
    .summary = "XLM-RoBERTa with rotary positions: Jina embeddings v3 as it was published",
    .prefixes = {"roberta.", ""},
    .position_types = {"rotary"},
    .defaults = {.layer_norm_epsilon = 1e-5, .type_vocab_size = 1},
    .body = {.names = kMixerNames},
    .pooler = kBertPooler,
    .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
    .read = read_published,
};

}  // namespace berth::engine
