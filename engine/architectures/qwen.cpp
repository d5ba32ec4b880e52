// Qwen2 and Qwen3 (Yang et al. 2024, 2025), as transformers' Qwen2Model and Qwen3Model: EuroBERT's layers, whose tokens see themselves and what is before them
// alone. Embedders (Qwen3-Embedding) and classifiers (rerankers) of the family; nothing is generated.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "engine/architectures/common.hpp"
#include "engine/architectures/layer_kinds.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

// Published embedders come with classes of their own, most of which see the whole row.
void expect_library_class(const base::JsonObject& json, const std::string& family) {
  const char* key = "architectures";
  const base::Json* classes = json.find(key);
  if (classes == nullptr || !classes->is_array()) return;
  constexpr std::array<std::string_view, 5> kClasses = {"Model", "ForCausalLM", kForSequenceClassification, kForTokenClassification, kForQuestionAnswering};
  const auto known = [&](const base::Json& name) {
    return name.is_string() && std::any_of(kClasses.begin(), kClasses.end(), [&](std::string_view of) { return name == family + std::string(of); });
  };
  std::string supported;
  for (const std::string_view of : kClasses) supported += (supported.empty() ? "" : ", ") + family + std::string(of);
  for (const base::Json& name : *classes)
    if (!known(name)) refuse(json, key, name.is_string() ? base::quoted(name.get<std::string>()) : base::describe(name), supported);
}

// What a token sees, where config.json does not leave it in doubt: "is_causal", which transformers 5 and most published code read. Code of the model's own
// may do as it likes, and keys that the library does not know are somebody's code's, too.
bool is_causal(const base::JsonObject& json, const std::string& family) {
  expect_library_class(json, family);
  const char* key = "is_causal";
  const bool causal = json.boolean_or(key, true);
  if (!json.has(key) && json.has("auto_map")) refuse(json, "auto_map", "\"is_causal\" beside it, which says what tokens see where the model's own code runs");
  for (const char* other : {"use_bidirectional_attention", "bidirectional", "bidirectional_attention"})
    if (json.has(other) && json.boolean_or(other, false) == causal)
      refuse(json, other, std::string(causal ? "false" : "true") + " where \"is_causal\" is " + (causal ? "true, or missing" : "false"));
  return causal;
}

// Layers that see a window: by "layer_types", or those from the "max_window_layers"-th on. Neither counts without "use_sliding_window".
std::vector<bool> sliding_layers(const base::JsonObject& json, std::size_t layers) {
  const char* key = "use_sliding_window";
  const bool used = json.boolean_or(key, false);
  if (auto types = read_layer_types(json, layers)) {
    if (!used && std::find(types->begin(), types->end(), true) != types->end())
      refuse(json, key, std::string("true where \"layer_types\" has ") + kSlidingAttention);
    return *types;
  }
  std::vector<bool> sliding(layers, false);
  const std::size_t first = size_or(json, "max_window_layers", 28, 0, 1 << 16);
  for (std::size_t i = first; used && i < layers; ++i) sliding[i] = true;
  return sliding;
}

void read_views(const base::JsonObject& json, const std::string& family, ModelConfig& config) {
  const bool causal = is_causal(json, family);
  const std::vector<bool> sliding = sliding_layers(json, config.num_layers);
  for (std::size_t i = 0; i < config.num_layers; ++i) {
    if (causal) config.plan[i].behind = 0;
    if (!sliding[i]) continue;
    if (!causal) refuse(json, "is_causal", "true where layers see a window");
    config.plan[i].before = static_cast<std::size_t>(json.integer("sliding_window", 1, 1 << 30)) - 1;  // the token itself is one of them
  }
}

void read_qwen(const base::JsonObject& json, const std::string& family, ModelConfig& config) {
  for (const char* key : {"dual_chunk_attention_config", "quantization_config"})
    if (json.has(key)) refuse(json, key, "null");
  refuse_flag(json, "use_mrope", true);
  use_stated_rope(json, config);
  read_views(json, family, config);
}

void read_qwen2(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) { read_qwen(json, "Qwen2", config); }

void read_qwen3(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  config.body.biases.query_key_value = config.body.biases.attention_output = json.boolean_or("attention_bias", false);
  read_qwen(json, "Qwen3", config);
}

// The library takes the last token that is not the padding token, also where a text itself ends with that, as Qwen3-Embedding's do.
void read_last_token(const base::JsonObject& json, HeadConfig& head) {
  head.pooling = HeadPooling::last;
  head.padding_id = json.integer_or("pad_token_id", -1, -1, std::numeric_limits<std::int32_t>::max());
}

TensorNames qwen_names(bool normed) {
  return {
      .word_embeddings = "embed_tokens",
      .query = "layers.{i}.self_attn.q_proj",
      .key = "layers.{i}.self_attn.k_proj",
      .value = "layers.{i}.self_attn.v_proj",
      .query_norm = normed ? "layers.{i}.self_attn.q_norm" : "",
      .key_norm = normed ? "layers.{i}.self_attn.k_norm" : "",
      .attention_output = "layers.{i}.self_attn.o_proj",
      .attention_norm = "layers.{i}.input_layernorm",
      .intermediate = "layers.{i}.mlp.gate_proj",
      .intermediate_value = "layers.{i}.mlp.up_proj",
      .output = "layers.{i}.mlp.down_proj",
      .output_norm = "layers.{i}.post_attention_layernorm",
      .final_norm = "norm",
  };
}

ArchitectureSpec qwen(std::string_view model_type, std::string_view summary, bool normed, std::size_t head_size, decltype(ArchitectureSpec::read) read) {
  HeadSpec classifier = sequence_classifier({{.name = "score", .bias = false}});
  classifier.read = read_last_token;
  return {
      .model_type = model_type,
      .summary = summary,
      .prefixes = {"", "model.", "transformer."},
      .position_types = {},
      .keys = {.num_key_value_heads = "num_key_value_heads", .head_size = "head_dim", .type_vocab_size = "", .layer_norm_epsilon = "rms_norm_eps"},
      .defaults = {.activation = "silu", .layer_norm_epsilon = 1e-6, .head_size = head_size},
      .body = {.names = qwen_names(normed),
               .norms = NormKind::rms,
               .norms_each_head = normed,
               .pre_norm = true,
               .gate = Gate::first_half,
               .biases = {.attention_output = false, .intermediate = false, .output = false}},
      .heads = {classifier, token_classifier({{.name = "score"}}), span_head()},
      .read = read,
  };
}

}  // namespace

const ArchitectureSpec kQwen2 = qwen("qwen2", "Qwen3 with biases, without norms of heads", false, 0, read_qwen2);
const ArchitectureSpec kQwen3 = qwen(
    "qwen3", "causal: tokens see what is before them; RMSNorm before the blocks and of each head, rotary positions, keys and values that heads share, SwiGLU",
    true, 128, read_qwen3);

}  // namespace berth::engine
