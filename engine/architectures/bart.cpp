// BART (Lewis et al. 2020), as transformers' BartModel: BERT's layers, and a decoder that reads the same row moved on by one token and what the encoder gave. A
// classifier reads the last end of a sentence, whose token has seen all of it.
#include <cmath>
#include <limits>
#include <string>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

constexpr std::size_t kFirstPosition = 2;  // rows of the position tables that no token has

// Keys of releases before 4, where they say something else than BART is: the library no longer reads them.
void refuse_older_variants(const base::JsonObject& json) {
  for (const char* key : {"normalize_before", "add_final_layer_norm", "static_position_embeddings"}) refuse_flag(json, key, true);
  refuse_flag(json, "normalize_embedding", false);
  if (size_or(json, "extra_pos_embeddings", kFirstPosition, 0, 1024) != kFirstPosition) refuse(json, "extra_pos_embeddings", std::to_string(kFirstPosition));
}

void expect_same(const base::JsonObject& json, const char* key, std::size_t fallback, std::size_t size, const char* of_encoder) {
  if (size_or(json, key, fallback, 1, std::size_t{1} << 20) != size)
    refuse(json, key, "as many as \"" + std::string(of_encoder) + "\" (" + std::to_string(size) + ")");
}

void read_decoder(const base::JsonObject& json, ModelConfig& config) {
  expect_same(json, "decoder_attention_heads", 16, config.num_heads, "encoder_attention_heads");
  expect_same(json, "decoder_ffn_dim", 4096, config.intermediate_size, "encoder_ffn_dim");
  config.decoder.layers = size_or(json, "decoder_layers", 12, 1, 256);
  config.decoder.start_id = static_cast<std::int32_t>(size_or(json, "decoder_start_token_id", 2, 0, config.vocab_size - 1));
  for (std::size_t i = 0; i < config.decoder.layers; ++i) {
    config.plan.push_back({.weights = config.stored_layers++, .behind = 0});
    config.plan.push_back({.weights = config.stored_layers++});
  }
}

void read_bart(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  refuse_older_variants(json);
  refuse_flag(json, "tie_word_embeddings", false);
  if (json.boolean_or("scale_embedding", false)) config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
  config.first_position = kFirstPosition;
  config.position_rows += kFirstPosition;
  read_decoder(json, config);
}

void read_mark(const base::JsonObject& json, HeadConfig& head) {
  head.pooling = HeadPooling::last_mark;
  head.mark_id = json.integer_or("eos_token_id", 2, 0, std::numeric_limits<std::int32_t>::max());
}

HeadSpec classifier() {
  HeadSpec head =
      sequence_classifier({{.name = "classification_head.dense", .activation = kernels::Activation::tanh}, {.name = "classification_head.out_proj"}});
  head.read = read_mark;
  return head;
}

}  // namespace

const ArchitectureSpec kBart{
    .model_type = "bart",
    .summary = "encoder and decoder: the decoder's tokens see what is before them, and all that the encoder gave",
    .prefixes = {"", "model."},
    .position_types = {},
    .keys = {.hidden_size = "d_model",
             .num_layers = "encoder_layers",
             .num_heads = "encoder_attention_heads",
             .intermediate_size = "encoder_ffn_dim",
             .type_vocab_size = "",
             .activation = "activation_function",
             .layer_norm_epsilon = ""},
    .defaults = {.layer_norm_epsilon = 1e-5},
    .body = {.names =
                 {
                     .word_embeddings = "shared",
                     .position_embeddings = "encoder.embed_positions",
                     .embedding_norm = "encoder.layernorm_embedding",
                     .query = "encoder.layers.{i}.self_attn.q_proj",
                     .key = "encoder.layers.{i}.self_attn.k_proj",
                     .value = "encoder.layers.{i}.self_attn.v_proj",
                     .attention_output = "encoder.layers.{i}.self_attn.out_proj",
                     .attention_norm = "encoder.layers.{i}.self_attn_layer_norm",
                     .intermediate = "encoder.layers.{i}.fc1",
                     .output = "encoder.layers.{i}.fc2",
                     .output_norm = "encoder.layers.{i}.final_layer_norm",
                 },
             .decoder = {.position_embeddings = "decoder.embed_positions",
                         .embedding_norm = "decoder.layernorm_embedding",
                         .self_attention =
                             {
                                 .query = "decoder.layers.{i}.self_attn.q_proj",
                                 .key = "decoder.layers.{i}.self_attn.k_proj",
                                 .value = "decoder.layers.{i}.self_attn.v_proj",
                                 .attention_output = "decoder.layers.{i}.self_attn.out_proj",
                                 .attention_norm = "decoder.layers.{i}.self_attn_layer_norm",
                             },
                         .cross_attention =
                             {
                                 .query = "decoder.layers.{i}.encoder_attn.q_proj",
                                 .key = "decoder.layers.{i}.encoder_attn.k_proj",
                                 .value = "decoder.layers.{i}.encoder_attn.v_proj",
                                 .attention_output = "decoder.layers.{i}.encoder_attn.out_proj",
                                 .attention_norm = "decoder.layers.{i}.encoder_attn_layer_norm",
                                 .intermediate = "decoder.layers.{i}.fc1",
                                 .output = "decoder.layers.{i}.fc2",
                                 .output_norm = "decoder.layers.{i}.final_layer_norm",
                             }}},
    .heads = {classifier(), span_head()},
    .read = read_bart,
};

}  // namespace berth::engine
