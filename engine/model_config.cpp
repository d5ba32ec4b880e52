#include "engine/model_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using base::JsonObject;
using kernels::Activation;

constexpr std::int64_t kMaxHidden = 16384;
constexpr std::size_t kMaxQueries = 4 * kMaxHidden;
constexpr std::int64_t kMaxLayers = 256;
constexpr std::int64_t kMaxVocabulary = 1 << 24;
constexpr std::int64_t kMaxPositions = 1 << 20;

constexpr std::array<std::pair<std::string_view, Activation>, 17> kActivations = {{
    {"gelu", Activation::gelu},
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_accurate", Activation::gelu_tanh},
    {"gelu_python_tanh", Activation::gelu_tanh},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"relu6", Activation::relu6},
    {"leaky_relu", Activation::leaky_relu},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"tanh", Activation::tanh},
    {"sigmoid", Activation::sigmoid},
    {"mish", Activation::mish},
    {"linear", Activation::none},
}};

std::size_t size_field(const JsonObject& config, std::string_view key, std::int64_t max) {
  return static_cast<std::size_t>(config.integer(std::string(key).c_str(), 1, max));
}

// Options of the library that change what is computed, and that the descriptions do not cover: refused rather than ignored.
void refuse_variants(const JsonObject& config) {
  for (const char* key : {"is_decoder", "add_cross_attention"}) refuse_flag(config, key, true);
  // transformers takes these heads out before it reads the weights.
  const base::Json* pruned = config.find("pruned_heads");
  const auto keeps_all = [](const base::Json& heads) { return heads.is_array() && heads.empty(); };
  if (pruned != nullptr && !(pruned->is_object() && std::all_of(pruned->begin(), pruned->end(), keeps_all)))
    refuse(config, "pruned_heads", base::quoted(pruned->dump()), "{}");
}

bool has_tensor(const ArchitectureSpec& spec, const loaders::TensorStore& tensors, std::string_view name) {
  return std::any_of(spec.prefixes.begin(), spec.prefixes.end(),
                     [&](std::string_view prefix) { return tensors.find(std::string(prefix) + std::string(name)) != nullptr; });
}

// The first description of the model_type whose position type and marker fit.
const ArchitectureSpec& choose_architecture(const JsonObject& config, const loaders::TensorStore& tensors) {
  const std::string model_type = config.string("model_type");
  std::string position_types;
  const ArchitectureSpec* unmarked = nullptr;
  for (const ArchitectureSpec* spec : architectures()) {
    if (spec->model_type != model_type) continue;
    if (!spec->position_types.empty()) {
      const std::string position = config.string_or("position_embedding_type", std::string(spec->position_types.front()));
      for (const std::string_view type : spec->position_types)
        if (position_types.find(type) == std::string::npos) position_types += (position_types.empty() ? "" : ", ") + std::string(type);
      if (std::find(spec->position_types.begin(), spec->position_types.end(), position) == spec->position_types.end()) continue;
    }
    const std::string key(spec->marker_key);
    if (!key.empty() && !config.has(key.c_str())) continue;
    if (spec->marker.empty() || has_tensor(*spec, tensors, spec->marker)) return *spec;
    unmarked = spec;
  }
  if (unmarked != nullptr) return *unmarked;  // whose missing tensors will be listed
  if (!position_types.empty()) refuse(config, "position_embedding_type", position_types);
  refuse(config, "model_type", std::string(supported_model_types()));
}

// How many heads, how large, and how many of them have keys and values of their own.
void read_heads(const JsonObject& config, ModelConfig& to) {
  const ConfigKeys& keys = to.architecture->keys;
  const ConfigDefaults& defaults = to.architecture->defaults;
  const std::string num_heads(keys.num_heads);
  to.num_heads = size_field(config, num_heads, kMaxHidden);
  to.head_size = defaults.head_size;
  if (const std::string key(keys.head_size); !key.empty() && config.has(key.c_str())) to.head_size = size_field(config, key, kMaxHidden);
  if (to.head_size == 0) {
    if (to.hidden_size % to.num_heads != 0)
      config.fail(num_heads.c_str(), "must divide \"" + std::string(keys.hidden_size) + "\" (" + std::to_string(to.hidden_size) + ")");
    to.head_size = to.hidden_size / to.num_heads;
  }
  if (to.num_heads * to.head_size > kMaxQueries)
    config.fail(num_heads.c_str(), "heads of " + std::to_string(to.head_size) + " values are more than " + std::to_string(kMaxQueries) + " together");
  to.num_key_value_heads = to.num_heads;
  if (const std::string key(keys.num_key_value_heads); !key.empty()) {
    const std::size_t fallback = defaults.num_key_value_heads == 0 ? to.num_heads : defaults.num_key_value_heads;
    to.num_key_value_heads = size_or(config, key.c_str(), fallback, 1, to.num_heads);
    if (to.num_heads % to.num_key_value_heads != 0) config.fail(key.c_str(), "must divide \"" + num_heads + "\" (" + std::to_string(to.num_heads) + ")");
  }
}

void read_sizes(const JsonObject& config, ModelConfig& to) {
  const ConfigKeys& keys = to.architecture->keys;
  const ConfigDefaults& defaults = to.architecture->defaults;
  to.hidden_size = size_field(config, keys.hidden_size, kMaxHidden);
  to.num_layers = size_field(config, keys.num_layers, kMaxLayers);
  read_heads(config, to);
  if (!keys.intermediate_size.empty()) to.intermediate_size = size_field(config, keys.intermediate_size, 4 * kMaxHidden);
  to.vocab_size = size_field(config, "vocab_size", kMaxVocabulary);
  to.embedding_size = to.hidden_size;
  if (!keys.embedding_size.empty()) {
    const std::size_t fallback = defaults.embedding_size == 0 ? to.hidden_size : defaults.embedding_size;
    to.embedding_size = size_or(config, std::string(keys.embedding_size).c_str(), fallback, 1, kMaxHidden);
  }
  to.position_rows = keys.max_positions.empty() ? kMaxPositions : size_field(config, keys.max_positions, kMaxPositions);
  to.max_positions = to.position_rows;
  if (!keys.type_vocab_size.empty())
    to.type_vocab_size = size_or(config, std::string(keys.type_vocab_size).c_str(), defaults.type_vocab_size, defaults.types_optional ? 0 : 1, kMaxVocabulary);
  to.stored_layers = to.num_layers;
}

const TensorNames& stored_names(const ArchitectureSpec& spec, const loaders::TensorStore& tensors) {
  for (const TensorNames& names : spec.other_names)
    if (has_tensor(spec, tensors, layer_name(names.attention_output, 0, 1) + ".weight")) return names;
  return spec.body.names;
}

// Positions start behind the padding id, which is no position itself.
void read_padding(const JsonObject& config, ModelConfig& to) {
  if (!to.body.positions_skip_padding) return;
  const std::string key(to.architecture->keys.padding_id);
  to.padding_id = key.empty() ? 1 : static_cast<std::int32_t>(size_or(config, key.c_str(), 1, 0, to.vocab_size - 1));
  const std::size_t first = static_cast<std::size_t>(to.padding_id) + 1;
  if (to.position_rows <= first) {
    config.fail(std::string(to.architecture->keys.max_positions).c_str(),
                "must be above " + std::to_string(first) + ", as positions start behind the padding id");
  }
  to.max_positions = to.position_rows - first;
}

}  // namespace

void refuse(const JsonObject& json, const char* key, const std::string& supported) {
  const base::Json* value = json.find(key);
  refuse(json, key, value == nullptr ? "null" : value->is_string() ? base::quoted(value->get<std::string>()) : base::describe(*value), supported);
}

void refuse(const JsonObject& json, const char* key, const std::string& value, const std::string& supported) {
  throw Error(ErrorCode::unsupported, json.label() + ": field \"" + json.field(key) + "\": " + value + " is not supported; supported: " + supported);
}

void refuse_flag(const JsonObject& json, const char* key, bool value) {
  if (json.boolean_or(key, !value) == value) refuse(json, key, value ? "false" : "true");
}

void expect_head_size(const JsonObject& json, const char* key, const ModelConfig& config) {
  if (size_or(json, key, config.head_size, 1, config.hidden_size) != config.head_size)
    json.fail(key, "must be \"hidden_size\" by \"num_attention_heads\" (" + std::to_string(config.head_size) + ")");
}

std::size_t size_or(const JsonObject& json, const char* key, std::size_t fallback, std::size_t min, std::size_t max) {
  return static_cast<std::size_t>(json.integer_or(key, static_cast<std::int64_t>(fallback), static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)));
}

void expect_pairs(const JsonObject& json, const ModelConfig& config) {
  if (config.head_size % 2 == 0) return;
  const std::string head_size(config.architecture->keys.head_size);
  const std::string key = !head_size.empty() && json.has(head_size.c_str()) ? head_size : std::string(config.architecture->keys.num_heads);
  json.fail(key.c_str(), "heads of " + std::to_string(config.head_size) + " values cannot be rotated in pairs");
}

void use_rotary(ModelConfig& config, RotarySpec rotary) {
  for (LayerPlan& layer : config.plan) layer.rotary = config.rotaries.size();
  config.rotaries.push_back(std::move(rotary));
}

std::string body_prefix(const ArchitectureSpec& spec, const loaders::TensorStore& tensors) {
  for (const std::string_view prefix : spec.prefixes) {
    const std::string name = std::string(prefix) + std::string(spec.body.names.word_embeddings) + ".weight";
    if (tensors.find(name) != nullptr) return std::string(prefix);
  }
  return std::string(spec.prefixes.front());
}

std::string layer_name(std::string_view pattern, std::size_t layer, std::size_t inner_layers) {
  std::string name(pattern);
  const auto put = [&name](std::string_view what, std::size_t value) {
    const std::size_t at = name.find(what);
    if (at != std::string::npos) name.replace(at, what.size(), std::to_string(value));
  };
  put("{i}", layer);
  put("{group}", layer / inner_layers);
  put("{inner}", layer % inner_layers);
  return name;
}

Activation activation_by_name(const std::string& name, const std::string& label, const char* field) {
  std::string known;
  for (const auto& [known_name, activation] : kActivations) {
    if (known_name == name) return activation;
    known += (known.empty() ? "" : ", ") + std::string(known_name);
  }
  throw Error(ErrorCode::unsupported, label + ": field \"" + field + "\": activation " + base::quoted(name) + " is not supported; supported: " + known);
}

ModelConfig read_model_config(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors) {
  const JsonObject config(directory.config, directory.config_label);
  ModelConfig result;
  result.architecture = &choose_architecture(config, tensors);
  const ArchitectureSpec& spec = *result.architecture;
  refuse_variants(config);
  result.body = spec.body;
  result.body.names = stored_names(spec, tensors);
  read_sizes(config, result);
  read_padding(config, result);
  const double epsilon = spec.defaults.layer_norm_epsilon;
  result.layer_norm_epsilon = static_cast<float>(
      spec.keys.layer_norm_epsilon.empty() ? epsilon : config.number_or(std::string(spec.keys.layer_norm_epsilon).c_str(), epsilon, 0.0, 1.0));
  if (const std::string key(spec.keys.activation); !key.empty())
    result.activation = activation_by_name(config.string_or(key.c_str(), std::string(spec.defaults.activation)), config.label(), key.c_str());
  result.attention_scale = 1.0F / std::sqrt(static_cast<float>(result.head_size));
  result.plan.resize(result.num_layers);
  for (std::size_t i = 0; i < result.num_layers; ++i) result.plan[i].weights = i;
  if (spec.read != nullptr) spec.read(config, tensors, result);
  if (result.type_vocab_size == 0) result.body.names.token_type_embeddings = "";
  read_head(config, tensors, result);
  read_rerank_activation(directory, result);
  return result;
}

}  // namespace berth::engine
