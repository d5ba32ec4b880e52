// NomicBERT (Nussbaum et al. 2024), as its published modelling file: rotary positions and a gated feed-forward block, under GPT-2's names of keys.
#include <algorithm>
#include <string>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"
#include "engine/positions.hpp"

namespace berth::engine {

namespace {

// Options of the file that no published model uses.
void refuse_options(const base::JsonObject& json) {
  for (const char* key : {"prenorm", "parallel_block", "causal", "use_rms_norm", "scale_attn_by_inverse_layer_idx"}) refuse_flag(json, key, true);
  refuse_flag(json, "scale_attn_weights", false);
  if (json.has("rotary_emb_scale_base")) refuse(json, "rotary_emb_scale_base", "null");
}

// Which layers have experts, and how many of them a token goes through. What trains them, and which of the file's two forms of their arithmetic is meant
// ("moe_impl"), changes no result. Normalised weights do, and only one of those forms knows them: nobody can say what such a file means.
void read_experts(const base::JsonObject& json, ModelConfig& config) {
  ExpertsSpec experts{.every = size_or(json, "moe_every_n_layers", 0, 0, 1 << 20)};
  if (experts.every == 0) return;
  experts.count = static_cast<std::size_t>(json.integer("num_experts", 1, kMostExperts));
  experts.top_k = static_cast<std::size_t>(json.integer("moe_top_k", 1, static_cast<std::int64_t>(experts.count)));
  for (const char* key : {"moe_normalize_expert_weights", "expert_choice_router"}) refuse_flag(json, key, true);
  if (json.integer_or("num_shared_experts", 0, 0, 1 << 20) > 0) refuse(json, "num_shared_experts", "0");
  if (json.integer_or("ffn_div", 1, 1, 1 << 20) > 1) refuse(json, "ffn_div", "1");
  if (json.string_or("activation_function", "gelu") != "gelu") refuse(json, "activation_function", "gelu, in models with experts");
  config.experts = experts;
}

struct Inner {
  std::string_view name;
  kernels::Activation activation;
  bool gated;
  kernels::Activation head;  // of the masked-language-model head's transform
};
constexpr Inner kInner[] = {
    {"swiglu", kernels::Activation::silu, true, kernels::Activation::silu},
    {"geglu", kernels::Activation::gelu, true, kernels::Activation::gelu},
    {"glu", kernels::Activation::sigmoid, true, kernels::Activation::gelu},
    // The file hands its layers the function, not its name, and there asks for the names of the tanh forms in vain. Its head asks for them, too.
    {"gelu", kernels::Activation::gelu, false, kernels::Activation::gelu},
    {"gelu_new", kernels::Activation::gelu, false, kernels::Activation::gelu_tanh},
    {"gelu_fast", kernels::Activation::gelu, false, kernels::Activation::gelu_tanh},
    {"gelu_pytorch_tanh", kernels::Activation::gelu, false, kernels::Activation::gelu_tanh},
};

const Inner& inner_of(const base::JsonObject& json) {
  const std::string name = json.string_or("activation_function", "gelu");
  std::string known;
  for (const Inner& candidate : kInner) {
    if (candidate.name == name) return candidate;
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  refuse(json, "activation_function", known);
}

void read_feed_forward(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  const Inner& inner = inner_of(json);
  config.activation = inner.activation;
  if (!inner.gated) {
    config.body.gate = Gate::none;
    config.body.names.intermediate = "encoder.layers.{i}.mlp.fc1";
    config.body.names.intermediate_value = "";
  }
  // The file rounds n_inner up to some multiple: the tensor knows.
  const std::string output = body_prefix(*config.architecture, tensors) + "encoder.layers.0.mlp.fc2.weight";
  const loaders::TensorView* tensor = tensors.find(output);
  const bool known_shape = tensor != nullptr && tensor->shape.size() == 2 && tensor->shape[1] > 0 && tensor->shape[1] <= 1 << 17;
  config.intermediate_size = known_shape ? static_cast<std::size_t>(tensor->shape[1]) : size_or(json, "n_inner", 4 * config.hidden_size, 1, 1 << 17);
}

void read_nomic_bert(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  refuse_options(json);
  read_feed_forward(json, tensors, config);
  read_experts(json, config);
  const std::size_t multiple = size_or(json, "pad_vocab_size_multiple", 1, 1, 1 << 16);
  config.vocab_size = (config.vocab_size + multiple - 1) / multiple * multiple;
  Biases& biases = config.body.biases;
  biases.query_key_value = biases.attention_output = json.boolean_or("qkv_proj_bias", true);
  biases.intermediate = json.boolean_or("mlp_fc1_bias", true);
  biases.output = json.boolean_or("mlp_fc2_bias", true);

  // Rows longer than those of the training turn by other frequencies, each by its own: such rows are left to others.
  if (json.number_or("rotary_scaling_factor", 0.0, 0.0, 1e6) > 0)
    config.max_positions = std::min(config.max_positions, size_or(json, "max_trained_positions", 2048, 1, 1 << 24));
  const double fraction = json.number_or("rotary_emb_fraction", 0.0, 0.0, 1.0);
  const auto dims = static_cast<std::size_t>(static_cast<double>(config.head_size) * fraction);
  if (dims % 2 != 0) json.fail("rotary_emb_fraction", "gives " + std::to_string(dims) + " values of a head, which are no pairs");
  if (dims > 0) {
    use_rotary(config, {.frequencies = rotary_frequencies(json.number_or("rotary_emb_base", 10000.0, 1.0, 1e12), dims),
                        .interleaved = json.boolean_or("rotary_emb_interleaved", false)});
    config.body.names.position_embeddings = "";
  }
}

TensorNames nomic_names() {
  TensorNames names = kNomicNames;
  names.position_embeddings = "embeddings.position_embeddings";  // without rotary ones
  names.router = "encoder.layers.{i}.mlp.router.layer";
  names.expert_intermediates = "encoder.layers.{i}.mlp.experts.mlp.w1";
  names.expert_outputs = "encoder.layers.{i}.mlp.experts.mlp.w2";
  names.expert_bias = "encoder.layers.{i}.mlp.experts.bias";
  return names;
}

void read_masked_lm(const base::JsonObject& json, HeadConfig& head) {
  DenseStep& transform = head.steps.front();
  transform.activation = inner_of(json).head;
  transform.bias = json.boolean_or("mlp_fc1_bias", true);
  if (!transform.bias) head.decoder_bias.clear();
}

HeadSpec masked_lm(std::string_view class_suffix) {
  return {.kind = HeadKind::masked_lm,
          .class_suffix = class_suffix,
          .steps = {{.name = "cls.predictions.transform.dense", .norm = "cls.predictions.transform.layer_norm"}},
          .decoder_bias = {"cls.predictions.decoder.bias"},
          .read = read_masked_lm};
}

}  // namespace

const ArchitectureSpec kNomicBert{
    .model_type = "nomic_bert",
    .summary = "NomicBERT as it was published: rotary positions, SwiGLU; or GELU and, in some layers, a mixture of experts",
    .prefixes = {"", "bert.", "nomic_bert."},
    .position_types = {},
    .marker_key = "n_embd",
    .keys = {.hidden_size = "n_embd",
             .num_layers = "n_layer",
             .num_heads = "n_head",
             .intermediate_size = "",
             .max_positions = "n_positions",
             .activation = "",
             .layer_norm_epsilon = "layer_norm_epsilon"},
    .defaults = {.layer_norm_epsilon = 1e-5, .types_optional = true},
    .body = {.names = nomic_names(), .gate = Gate::first_half},
    .pooler = kBertPooler,
    .heads = {pooled_classifier(), token_classifier(), span_head(), masked_lm(kForMaskedLm), masked_lm(kForPreTraining)},
    .read = read_nomic_bert,
};

}  // namespace berth::engine
