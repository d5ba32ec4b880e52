#include "engine/model_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using base::JsonObject;
using kernels::Activation;

constexpr std::int64_t kMaxHidden = 16384;
constexpr std::int64_t kMaxLayers = 256;
constexpr std::int64_t kMaxVocabulary = 1 << 24;
constexpr std::int64_t kMaxPositions = 1 << 20;
constexpr std::int64_t kMaxLabels = 1 << 20;

constexpr std::array<std::pair<std::string_view, Activation>, 9> kActivations = {{
    {"gelu", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"tanh", Activation::tanh},
}};

std::size_t size_field(const JsonObject& config, std::string_view key, std::int64_t max) {
  return static_cast<std::size_t>(config.integer(std::string(key).c_str(), 1, max));
}

// Options of the library that change what is computed, and that the descriptions do not cover: refused rather than ignored.
void refuse_variants(const JsonObject& config) {
  const std::string position = config.string_or("position_embedding_type", "absolute");
  if (position != "absolute") {
    throw Error(ErrorCode::unsupported,
                config.label() + ": field \"position_embedding_type\": " + base::quoted(position) + " is not supported; supported: absolute");
  }
  for (const char* key : {"is_decoder", "add_cross_attention"})
    if (config.boolean_or(key, false))
      throw Error(ErrorCode::unsupported, config.label() + ": field \"" + key + "\": true is not supported; berth runs encoders");
}

bool names_class(const JsonObject& config, std::string_view wanted) {
  const base::Json* classes = config.find("architectures");
  if (classes == nullptr || !classes->is_array()) return false;
  return std::any_of(classes->begin(), classes->end(),
                     [wanted](const base::Json& name) { return name.is_string() && name.get_ref<const std::string&>() == wanted; });
}

// "id2label": {"0": "NEGATIVE", …}; without it, transformers means "num_labels" (default 2) labels LABEL_0, LABEL_1, …
std::vector<std::string> read_labels(const JsonObject& config) {
  std::vector<std::string> labels;
  if (!config.has("id2label")) {
    const auto count = static_cast<std::size_t>(config.integer_or("num_labels", 2, 1, kMaxLabels));
    for (std::size_t i = 0; i < count; ++i) labels.push_back("LABEL_" + std::to_string(i));
    return labels;
  }
  const JsonObject map = config.object("id2label");
  labels.resize(map.json().size());
  std::vector<bool> seen(labels.size(), false);
  for (const auto& [key, value] : map.json().items()) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc{} || end != key.data() + key.size() || index >= labels.size() || seen[index])
      config.fail("id2label", "keys must be the numbers 0 to " + std::to_string(labels.size() - 1) + "; key " + base::quoted(key) + " is not");
    if (!value.is_string()) config.fail("id2label", "the label of " + base::quoted(key) + " must be a string");
    labels[index] = value.get<std::string>();
    seen[index] = true;
  }
  if (labels.empty()) config.fail("id2label", "expected at least one label");
  return labels;
}

ScoreFunction read_score_function(const JsonObject& config, std::size_t labels) {
  const std::string problem = config.string_or("problem_type", "");
  if (problem == "regression") return ScoreFunction::none;
  if (problem == "multi_label_classification" || labels == 1) return ScoreFunction::sigmoid;
  if (problem == "single_label_classification" || problem.empty()) return ScoreFunction::softmax;
  config.fail("problem_type", "expected regression, single_label_classification or multi_label_classification");
}

void read_sequence_classifier(ModelConfig& to, const JsonObject& config) {
  to.has_sequence_classifier = true;
  to.labels = read_labels(config);
  to.score_function = read_score_function(config, to.labels.size());
}

}  // namespace

Activation activation_by_name(const std::string& name, const std::string& label, const char* field) {
  std::string known;
  for (const auto& [known_name, activation] : kActivations) {
    if (known_name == name) return activation;
    known += (known.empty() ? "" : ", ") + std::string(known_name);
  }
  throw Error(ErrorCode::unsupported,
              label + ": field \"" + field + "\": activation " + base::quoted(name) + " is not supported; supported: " + known);
}

ModelConfig read_model_config(const loaders::ModelDirectory& directory) {
  const JsonObject config(directory.config, directory.config_label);
  ModelConfig result;
  const std::string model_type = config.string("model_type");
  result.architecture = find_architecture(model_type);
  if (result.architecture == nullptr) {
    throw Error(ErrorCode::unsupported, config.label() + ": field \"model_type\": " + base::quoted(model_type) +
                                            " is not supported; supported: " + std::string(supported_model_types()));
  }
  refuse_variants(config);

  const ConfigKeys& keys = result.architecture->keys;
  result.hidden_size = size_field(config, keys.hidden_size, kMaxHidden);
  result.num_layers = size_field(config, keys.num_layers, kMaxLayers);
  result.num_heads = size_field(config, keys.num_heads, kMaxHidden);
  if (result.hidden_size % result.num_heads != 0) {
    config.fail(std::string(keys.num_heads).c_str(), "must divide \"" + std::string(keys.hidden_size) + "\" (" + std::to_string(result.hidden_size) + ")");
  }
  result.head_size = result.hidden_size / result.num_heads;
  result.intermediate_size = size_field(config, keys.intermediate_size, 4 * kMaxHidden);
  result.vocab_size = size_field(config, "vocab_size", kMaxVocabulary);
  result.max_positions = size_field(config, keys.max_positions, kMaxPositions);
  if (!keys.type_vocab_size.empty())
    result.type_vocab_size = static_cast<std::size_t>(config.integer_or(std::string(keys.type_vocab_size).c_str(), 2, 1, kMaxVocabulary));
  const double epsilon = result.architecture->default_layer_norm_epsilon;
  result.layer_norm_epsilon = static_cast<float>(
      keys.layer_norm_epsilon.empty() ? epsilon : config.number_or(std::string(keys.layer_norm_epsilon).c_str(), epsilon, 0.0, 1.0));
  const std::string activation_key(keys.activation);
  result.activation = activation_by_name(config.string_or(activation_key.c_str(), "gelu"), config.label(), activation_key.c_str());

  if (names_class(config, result.architecture->sequence_classifier_class)) read_sequence_classifier(result, config);
  return result;
}

void find_unnamed_head(ModelConfig& config, const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors) {
  const JsonObject json(directory.config, directory.config_label);
  const std::vector<DenseStep>& steps = config.architecture->sequence_classifier;
  if (json.has("architectures") || steps.empty()) return;
  if (tensors.find(std::string(steps.back().name) + ".weight") != nullptr) read_sequence_classifier(config, json);
}

}  // namespace berth::engine
