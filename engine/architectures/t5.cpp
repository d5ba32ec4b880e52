// T5 (Raffel et al. 2020) and its kin, of whose two stacks only the encoder is read: RMSNorm before the blocks, no positions but a bias for each relative one,
// scores that are not scaled.
#include <string>

#include "base/error.hpp"
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// "relu" or "gated-gelu", of which "gated-gelu" means the tanh form. Newer files repeat it as two keys.
void read_feed_forward(const base::JsonObject& json, const char* fallback, ModelConfig& config) {
  const char* key = "feed_forward_proj";
  const std::string projection = json.string_or(key, fallback);
  const bool gated = projection.starts_with("gated-");
  std::string activation = gated ? projection.substr(6) : projection;
  if (activation.find('-') != std::string::npos) refuse(json, key, "the name of an activation, or that behind \"gated-\"");
  if (projection == "gated-gelu") activation = "gelu_new";
  config.activation = activation_by_name(activation, json.label(), key);
  const char* repeated = "dense_act_fn";
  if (json.has(repeated) && activation_by_name(json.string(repeated), json.label(), repeated) != config.activation)
    refuse(json, repeated, base::quoted(activation) + ", as \"" + key + "\" says");
  refuse_flag(json, "is_gated_act", !gated);
  if (!gated) return;
  config.body.gate = Gate::first_half;
  config.body.names.intermediate = "encoder.block.{i}.layer.1.DenseReluDense.wi_0";
  config.body.names.intermediate_value = "encoder.block.{i}.layer.1.DenseReluDense.wi_1";
}

void read_relative_positions(const base::JsonObject& json, std::size_t tables, ModelConfig& config) {
  config.relative_bias = RelativeBias::buckets;
  config.buckets.count = config.relative_buckets = size_or(json, "relative_attention_num_buckets", 32, 4, 4096);
  config.buckets.max_distance = size_or(json, "relative_attention_max_distance", 128, 1, 1 << 20);
  if (const std::size_t near = config.buckets.near(); config.buckets.max_distance <= near)
    json.fail("relative_attention_max_distance", "must be above " + std::to_string(near) + ", the distances with a bucket of their own");
  config.relative_tables = tables;
  if (tables > 1)
    for (std::size_t i = 0; i < config.num_layers; ++i) config.plan[i].relative_table = i;
}

void read_stack(const base::JsonObject& json, const loaders::TensorStore& tensors, const char* feed_forward, ModelConfig& config) {
  // A file may have the one table under either of its names.
  const std::string other = "encoder.embed_tokens";
  if (tensors.find("shared.weight") == nullptr && tensors.find(other + ".weight") != nullptr) config.body.names.word_embeddings = "encoder.embed_tokens";
  config.attention_scale = 1.0F;
  read_feed_forward(json, feed_forward, config);
}

void read_t5(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  read_stack(json, tensors, "relu", config);
  read_relative_positions(json, 1, config);
}

void read_mt5(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  read_stack(json, tensors, "gated-gelu", config);
  read_relative_positions(json, 1, config);
}

void read_umt5(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  read_stack(json, tensors, "gated-gelu", config);
  config.body.names.relative_bias = "encoder.block.{i}.layer.0.SelfAttention.relative_attention_bias";
  read_relative_positions(json, config.num_layers, config);
}

ArchitectureSpec encoder_of(std::string_view model_type, std::string_view summary, decltype(ArchitectureSpec::read) read) {
  return {
      .model_type = model_type,
      .summary = summary,
      .prefixes = {"", "transformer."},
      .position_types = {},
      .keys = {.hidden_size = "d_model",
               .num_layers = "num_layers",
               .num_heads = "num_heads",
               .head_size = "d_kv",
               .intermediate_size = "d_ff",
               .max_positions = "",
               .type_vocab_size = "",
               .activation = "",
               .layer_norm_epsilon = "layer_norm_epsilon"},
      .defaults = {.layer_norm_epsilon = 1e-6, .head_size = 64},
      .body = {.names =
                   {
                       .word_embeddings = "shared",
                       .query = "encoder.block.{i}.layer.0.SelfAttention.q",
                       .key = "encoder.block.{i}.layer.0.SelfAttention.k",
                       .value = "encoder.block.{i}.layer.0.SelfAttention.v",
                       .attention_output = "encoder.block.{i}.layer.0.SelfAttention.o",
                       .attention_norm = "encoder.block.{i}.layer.0.layer_norm",
                       .intermediate = "encoder.block.{i}.layer.1.DenseReluDense.wi",
                       .output = "encoder.block.{i}.layer.1.DenseReluDense.wo",
                       .output_norm = "encoder.block.{i}.layer.1.layer_norm",
                       .final_norm = "encoder.final_layer_norm",
                       .relative_bias = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
                   },
               .norms = NormKind::rms,
               .pre_norm = true,
               .biases = {.query_key_value = false, .attention_output = false, .intermediate = false, .output = false}},
      .heads = {token_classifier()},
      .read = read,
  };
}

}  // namespace

const ArchitectureSpec kT5 = encoder_of("t5", "the encoder of T5: RMSNorm before the blocks, a bias for each relative position, ReLU or a gate", read_t5);
const ArchitectureSpec kMt5 = encoder_of("mt5", "the encoder of mT5: T5's", read_mt5);
const ArchitectureSpec kUmt5 = encoder_of("umt5", "the encoder of UMT5: T5's, with a table of relative positions for each layer", read_umt5);

}  // namespace berth::engine
