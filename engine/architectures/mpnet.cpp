// MPNet (Song et al. 2020), as transformers' MPNetModel: RoBERTa without token types, and a bias for every relative position, shared by all layers.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

void read_mpnet(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  // The library computes 32 buckets whatever the key says, which sizes the table.
  config.relative_bias = RelativeBias::buckets;
  config.relative_buckets = size_or(json, "relative_attention_num_buckets", 32, 32, 4096);
}

}  // namespace

const ArchitectureSpec kMpnet{
    .model_type = "mpnet",
    .summary = "learned positions and a bias for each relative one",
    .prefixes = {"", "mpnet."},
    .keys = {.type_vocab_size = "", .padding_id = ""},
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.word_embeddings",
                     .position_embeddings = "embeddings.position_embeddings",
                     .embedding_norm = "embeddings.LayerNorm",
                     .query = "encoder.layer.{i}.attention.attn.q",
                     .key = "encoder.layer.{i}.attention.attn.k",
                     .value = "encoder.layer.{i}.attention.attn.v",
                     .attention_output = "encoder.layer.{i}.attention.attn.o",
                     .attention_norm = "encoder.layer.{i}.attention.LayerNorm",
                     .intermediate = "encoder.layer.{i}.intermediate.dense",
                     .output = "encoder.layer.{i}.output.dense",
                     .output_norm = "encoder.layer.{i}.output.LayerNorm",
                     .relative_bias = "encoder.relative_attention_bias",
                 },
             .positions_skip_padding = true},
    .pooler = kBertPooler,
    .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
    .read = read_mpnet,
};

}  // namespace berth::engine
