// The head: which one config.json's class names, and its labels.
#include <algorithm>
#include <charconv>
#include <string>

#include "base/error.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr std::int64_t kMaxLabels = 1 << 20;

bool names_class(const JsonObject& config, std::string_view suffix) {
  const base::Json* classes = config.find("architectures");
  if (classes == nullptr || !classes->is_array()) return false;
  return std::any_of(classes->begin(), classes->end(),
                     [suffix](const base::Json& name) { return name.is_string() && name.get_ref<const std::string&>().ends_with(suffix); });
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
    if (!value.is_string() && !value.is_number_integer())
      throw Error(ErrorCode::corrupt_file,
                  config.label() + ": field \"id2label\": the label of " + base::quoted(key) + " must be a string, got " + base::describe(value));
    labels[index] = value.is_string() ? value.get<std::string>() : value.dump();
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

// The steps with what config.json says about them.
std::vector<DenseStep> resolve(const JsonObject& json, std::vector<DenseStep> steps) {
  for (DenseStep& step : steps) {
    if (const std::string key(step.activation_key); !key.empty() && json.has(key.c_str()))
      step.activation = activation_by_name(json.string(key.c_str()), json.label(), key.c_str());
    if (const std::string key(step.bias_key); !key.empty()) step.bias = json.boolean_or(key.c_str(), false);
  }
  return steps;
}

bool stored(const ModelConfig& config, const loaders::TensorStore& tensors, const DenseStep& step) {
  const std::string prefix = step.in_body ? body_prefix(*config.architecture, tensors) : std::string();
  return tensors.find(prefix + std::string(step.name) + ".weight") != nullptr;
}

bool ties_decoder(const JsonObject& json, const ModelConfig& config) {
  return json.boolean_or("tie_word_embeddings", config.architecture->defaults.tie_word_embeddings);
}

// Whether the file has what tells this head from others. A masked-language-model's class is named and its decoder is the embeddings, so its first step does;
// without steps a decoder of its own. Without a name all steps do: a token classifier is what a pooled classifier ends with.
bool stored(const HeadSpec& spec, const JsonObject& json, const ModelConfig& config, const loaders::TensorStore& tensors) {
  if (spec.steps.empty())
    return spec.kind == HeadKind::masked_lm && (ties_decoder(json, config) || tensors.find(std::string(spec.decoder) + ".weight") != nullptr);
  if (spec.kind == HeadKind::masked_lm) return stored(config, tensors, spec.steps.front());
  return std::all_of(spec.steps.begin(), spec.steps.end(), [&](const DenseStep& step) { return stored(config, tensors, step); });
}

void fill_head(const HeadSpec& spec, const JsonObject& json, ModelConfig& config) {
  config.head.kind = spec.kind;
  config.head.steps = resolve(json, spec.steps);
  if (spec.kind == HeadKind::masked_lm) {
    config.head.outputs = config.vocab_size;
    if (!ties_decoder(json, config)) config.head.decoder = spec.decoder;
    const std::string key(spec.decoder_bias_key);
    if (key.empty() || json.boolean_or(key.c_str(), true)) config.head.decoder_bias = spec.decoder_bias;
    return;
  }
  config.head.outputs = spec.outputs;
  if (spec.outputs > 0) {
    if (spec.kind == HeadKind::token_classifier) {  // a discriminator: config.json has no labels for it
      for (std::size_t i = 0; i < spec.outputs; ++i) config.labels.push_back("LABEL_" + std::to_string(i));
      config.score_function = ScoreFunction::sigmoid;
    }
    return;
  }
  config.labels = read_labels(json);
  config.score_function = read_score_function(json, config.labels.size());
  config.head.outputs = config.labels.size();
}

}  // namespace

std::string_view name(ScoreFunction function) {
  return function == ScoreFunction::softmax ? "softmax" : function == ScoreFunction::sigmoid ? "sigmoid" : "none";
}

std::string_view task_name(HeadKind head) {
  switch (head) {
    case HeadKind::none: return "embedding";
    case HeadKind::sequence_classifier: return "sequence-classification";
    case HeadKind::token_classifier: return "token-classification";
    case HeadKind::span: return "question-answering";
    case HeadKind::masked_lm: return "fill-mask";
  }
  return "";
}

void read_head(const JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  const bool named = json.has("architectures");
  for (const HeadSpec& spec : config.architecture->heads) {
    const bool masked_lm = spec.kind == HeadKind::masked_lm;
    const bool discriminator = spec.kind == HeadKind::token_classifier && spec.outputs > 0;
    if (named ? !names_class(json, spec.class_suffix) : masked_lm || discriminator) continue;
    // A base model's directory often keeps the class it was trained as ("RobertaForMaskedLM") without that head: then there is none.
    if ((!named || masked_lm) && !stored(spec, json, config, tensors)) continue;
    fill_head(spec, json, config);
    if (spec.read != nullptr) spec.read(json, config.head);
    return;
  }
}

}  // namespace berth::engine
