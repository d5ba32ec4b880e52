#include "engine/weights.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "engine/binder.hpp"
#include "engine/disentangled.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

// Binds the tensors of one model.
struct BodyBinder {
  Binder& binder;
  const ModelConfig& config;
  const TensorNames& names = config.body.names;  // but for a decoder's layers
  const std::string prefix;

  std::string full(std::string_view name) const { return prefix + std::string(name); }
  void norm(Norm& to, const std::string& name, std::size_t size) const {
    to.kind = config.body.norms;
    binder.norm(to, name, size, config.body.biases.norms && to.kind == NormKind::layer, config.body.norms_store_excess ? 1.0F : 0.0F);
  }

  void embeddings(ModelWeights& weights) const {
    const std::size_t size = config.embedding_size;
    binder.table(weights.word_embeddings, full(names.word_embeddings), config.vocab_size, size);
    if (!names.position_embeddings.empty()) binder.table(weights.position_embeddings, full(names.position_embeddings), config.position_rows, size);
    if (!names.token_type_embeddings.empty()) binder.table(weights.token_type_embeddings, full(names.token_type_embeddings), config.type_vocab_size, size);
    if (!names.task_type_embeddings.empty()) binder.table(weights.task_type_embeddings, full(names.task_type_embeddings), config.task_types, size);
    if (!names.embedding_norm.empty()) norm(weights.embedding_norm, full(names.embedding_norm), config.body.project_before_norm ? config.hidden_size : size);
    if (!names.embedding_projection.empty())
      binder.linear(weights.embedding_projection, full(names.embedding_projection), config.hidden_size, size, Precision::fp32,
                    config.body.biases.embedding_projection);
    if (config.decoder.layers == 0) return;
    binder.table(weights.decoder_position_embeddings, full(config.body.decoder.position_embeddings), config.position_rows, size);
    norm(weights.decoder_embedding_norm, full(config.body.decoder.embedding_norm), size);
  }

  // The names of a stored layer, and which it is of those that have them.
  struct Stored {
    const TensorNames& names;
    std::size_t number;
    bool crosses;
  };
  Stored stored(std::size_t index) const {
    const std::size_t decoder = config.stored_layers - 2 * config.decoder.layers;
    if (index < decoder) return {names, index, false};
    const bool crosses = (index - decoder) % 2 == 1;
    return {crosses ? config.body.decoder.cross_attention : config.body.decoder.self_attention, (index - decoder) / 2, crosses};
  }

  // The norm whose outputs a layer's queries, keys and values are made from; null when there is none. Of layers that share weights, the last one's: it has
  // an encoder layer before it wherever any of them has.
  const Norm* layer_input_norm(const ModelWeights& weights, std::size_t index) const {
    if (config.body.pre_norm && (index > 0 || config.body.first_attention_norm)) return &weights.layers[index].attention_norm;
    std::size_t place = config.plan.size() - 1;
    while (place > 0 && config.plan[place].weights != index) --place;
    if (config.decoder.layers > 0 && place == config.encoder_plan()) return &weights.decoder_embedding_norm;
    const bool projected = !names.embedding_projection.empty() && !config.body.project_before_norm;
    if (place == 0) return projected ? nullptr : &weights.embedding_norm;
    return place == 1 && config.convolution.width > 0 ? &weights.convolution_norm : last_norm(weights, config.plan[place - 1].weights);
  }
  const Norm* last_norm(const ModelWeights& weights, std::size_t index) const {
    const LayerWeights& layer = weights.layers[index];
    return stored(index).names.output_norm.empty() ? &layer.attention_norm : &layer.output_norm;
  }
  // A turned value is a mix of two: what one of them is multiplied with cannot be taken back behind attention.
  bool turns_values() const {
    return std::any_of(config.rotaries.begin(), config.rotaries.end(), [](const RotarySpec& rotary) { return rotary.turns_values; });
  }
  // Of its feed-forward block.
  const Norm& inner_input_norm(const LayerWeights& layer) const {
    if (config.body.pre_norm) return layer.output_norm;
    return names.attention_outer_norm.empty() ? layer.attention_norm : layer.attention_outer_norm;
  }

  void feed_forward(LayerWeights& to, Precision precision, std::size_t index) const {
    const auto& [names, number, crosses] = stored(index);
    const auto at = [&, number = number](std::string_view pattern) { return full(layer_name(pattern, number, config.inner_layers)); };
    const std::size_t hidden = config.hidden_size;
    const std::size_t inner = config.intermediate_size;
    const Biases& biases = config.body.biases;
    const Norm* reads = &inner_input_norm(to);
    if (config.experts.in_layer(index)) {
      ExpertWeights& experts = to.experts;
      const std::size_t count = config.experts.count;
      binder.linear(experts.router, at(names.router), count, hidden, Precision::fp32, false);
      binder.stacked(experts.intermediates, count, at(names.expert_intermediates), inner, hidden, precision, false, reads);
      binder.stacked(experts.outputs, count, at(names.expert_outputs), hidden, inner, precision, true, nullptr);
      binder.values(experts.bias, {at(names.expert_bias)}, {hidden});
      return;
    }
    if (!names.intermediate_value.empty()) {
      binder.linear(to.intermediate, std::array{at(names.intermediate), at(names.intermediate_value)}, inner, hidden, precision, biases.intermediate);
    } else {
      binder.linear(to.intermediate, at(names.intermediate), config.body.gate == Gate::none ? inner : 2 * inner, hidden, precision, biases.intermediate);
    }
    binder.reads_norm(reads);
    binder.linear(to.output, at(names.output), hidden, inner, precision, biases.output);
  }

  // Queries, keys and values: of attention to the encoder's rows the queries apart.
  void projections(ModelWeights& weights, Precision precision, std::size_t index) const {
    LayerWeights& to = weights.layers[index];
    const auto& [names, number, crosses] = stored(index);
    const auto at = [&, number = number](std::string_view pattern) { return full(layer_name(pattern, number, config.inner_layers)); };
    const std::size_t hidden = config.hidden_size;
    const bool bias = config.body.biases.query_key_value;
    if (crosses) {
      binder.linear(to.query_key_value, at(names.query), config.query_size(), hidden, precision, bias);
      binder.reads_norm(layer_input_norm(weights, index));
      binder.linear(to.key_value, std::array{at(names.key), at(names.value)}, config.key_size(), hidden, precision, bias);
      binder.reads_norm(last_norm(weights, config.plan[config.encoder_plan() - 1].weights));
      return;
    }
    if (config.body.heads_interleaved) {
      binder.interleaved(to.query_key_value, at(names.query_key_value), at(names.query_bias), at(names.value_bias), config.num_heads, config.head_size, hidden,
                         precision);
    } else if (names.query_key_value.empty()) {
      binder.grouped(to.query_key_value, {at(names.query), at(names.key), at(names.value)}, config.queries_a_key(), config.key_size(), hidden, precision, bias);
    } else {
      binder.linear(to.query_key_value, at(names.query_key_value), config.query_key_value_size(), hidden, precision, bias);
    }
    binder.reads_norm(layer_input_norm(weights, index));
  }

  void layer(ModelWeights& weights, Precision precision, std::size_t index) const {
    LayerWeights& to = weights.layers[index];
    const auto& [names, number, crosses] = stored(index);
    const auto at = [&, number = number](std::string_view pattern) { return full(layer_name(pattern, number, config.inner_layers)); };
    const std::size_t hidden = config.hidden_size;
    const std::size_t queries = config.query_size();
    const Biases& biases = config.body.biases;
    projections(weights, precision, index);
    binder.linear(to.attention_output, at(names.attention_output), hidden, queries, precision, biases.attention_output);
    if (!turns_values()) binder.reads_values({.count = config.num_key_value_heads, .size = config.head_size, .queries_a_key = config.queries_a_key()});
    if (!names.query_norm.empty()) norm(to.query_norm, at(names.query_norm), config.body.norms_each_head ? config.head_size : queries);
    if (!names.key_norm.empty()) norm(to.key_norm, at(names.key_norm), config.body.norms_each_head ? config.head_size : config.key_size());
    if (index > 0 || config.body.first_attention_norm) norm(to.attention_norm, at(names.attention_norm), hidden);
    if (!names.attention_outer_norm.empty()) norm(to.attention_outer_norm, at(names.attention_outer_norm), hidden);
    if (!names.attention_result_norm.empty()) norm(to.attention_result_norm, at(names.attention_result_norm), hidden);
    if (names.output_norm.empty()) return;  // attention alone
    feed_forward(to, precision, index);
    norm(to.output_norm, at(names.output_norm), hidden);
    if (!names.output_result_norm.empty()) norm(to.output_result_norm, at(names.output_result_norm), hidden);
  }

  void behind_layers(ModelWeights& weights) const {
    if (!names.final_norm.empty()) norm(weights.final_norm, full(names.final_norm), config.hidden_size);
    if (config.relative_bias == RelativeBias::buckets) weights.relative_bias.resize(config.relative_tables);
    for (std::size_t i = 0; i < weights.relative_bias.size(); ++i)
      binder.values(weights.relative_bias[i], {full(layer_name(names.relative_bias, i, 1)) + ".weight"}, {config.relative_buckets, config.num_heads});
    if (config.convolution.width > 0) {
      binder.convolution(weights.convolution, full(names.convolution), config.hidden_size, config.convolution.width, config.convolution.groups);
      norm(weights.convolution_norm, full(names.convolution_norm), config.hidden_size);
    }
  }

  // All steps but the last keep the hidden size; the last has `outputs`.
  void steps(std::vector<DenseLayer>& to, std::span<const DenseStep> from, std::size_t outputs) const {
    to.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::size_t out = i + 1 == from.size() ? outputs : config.hidden_size;
      const auto name = [&](std::string_view step) { return from[i].in_body ? full(step) : std::string(step); };
      to[i].activation = from[i].activation;
      binder.linear(to[i].linear, name(from[i].name), out, config.hidden_size, Precision::fp32, from[i].bias);
      if (!from[i].norm.empty()) norm(to[i].norm, name(from[i].norm), out);
    }
  }

  void head(ModelWeights& weights) const {
    const HeadConfig& head = config.head;
    steps(weights.head, head.steps, head.kind == HeadKind::masked_lm ? config.embedding_size : head.outputs);
    if (head.kind != HeadKind::masked_lm) return;
    const std::string decoder = head.decoder.empty() ? full(names.word_embeddings) : std::string(head.decoder);
    binder.table(weights.decoder, decoder, config.vocab_size, config.embedding_size);
    binder.refuse_adapter(decoder + ".weight", "of a masked-language-model head, which libraries read with what is added to it or without");
    if (!head.decoder_bias.empty()) binder.values(weights.decoder_bias, {head.decoder_bias.begin(), head.decoder_bias.end()}, {config.vocab_size});
  }
};

// The module classes of torch.nn that sentence-transformers' Dense may name: a closed table, nothing is looked up by name elsewhere.
kernels::Activation torch_activation(const std::string& name, const std::string& label) {
  using kernels::Activation;
  constexpr std::array<std::pair<std::string_view, Activation>, 9> kKnown = {{
      {"Identity", Activation::none},
      {"Tanh", Activation::tanh},
      {"ReLU", Activation::relu},
      {"ReLU6", Activation::relu6},
      {"LeakyReLU", Activation::leaky_relu},
      {"GELU", Activation::gelu},
      {"SiLU", Activation::silu},
      {"Mish", Activation::mish},
      {"Sigmoid", Activation::sigmoid},
  }};
  std::string supported;
  for (const auto& [known, activation] : kKnown) {
    if (known == name) return activation;
    supported += (supported.empty() ? "" : ", ") + std::string(known);
  }
  throw Error(ErrorCode::unsupported, label + ": field \"activation_function\": " + base::quoted(name) + " is not supported; supported: " + supported);
}

}  // namespace

std::string_view name(Precision precision) {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::bf16: return "bf16";
    case Precision::int8: return "int8";
  }
  return "";
}

ModelWeights bind_weights(const ModelConfig& config, const loaders::TensorStore& tensors, Precision precision, const Compute& compute) {
  ModelWeights weights;
  Binder binder(tensors, compute);
  const BodyBinder body{.binder = binder, .config = config, .prefix = body_prefix(*config.architecture, tensors)};
  body.embeddings(weights);
  weights.layers.resize(config.stored_layers);
  for (std::size_t i = 0; i < config.stored_layers; ++i) body.layer(weights, precision, i);
  body.behind_layers(weights);
  if (config.head.kind != HeadKind::none) body.head(weights);
  const std::vector<DenseStep>& pooler = config.architecture->pooler;
  if (!config.has_sequence_classifier() && !pooler.empty() && binder.has(body.full(pooler.front().name) + ".weight"))
    body.steps(weights.pooler, pooler, config.hidden_size);
  expect_positions(binder, config, body.prefix);
  std::tie(weights.parameters, weights.bytes) = binder.finish(tensors.label());
  weights.layer_precision = weights.layers.front().query_key_value.precision;
  bind_positions(weights, config, tensors, body.prefix, compute);
  return weights;
}

DenseLayer bind_dense_module(const loaders::DenseSpec& spec, const std::string& label, const Compute& compute) {
  DenseLayer layer;
  layer.activation = torch_activation(spec.activation, label);
  Binder binder(*spec.tensors, compute);
  binder.linear(layer.linear, "linear", spec.out_features, spec.in_features, Precision::fp32, spec.bias);
  binder.finish(label);
  return layer;
}

Norm bind_norm_module(const loaders::LayerNormSpec& spec, const std::string& label, const Compute& compute) {
  Norm norm;
  Binder binder(*spec.tensors, compute);
  binder.norm(norm, "norm", spec.dimension);
  binder.finish(label);
  return norm;
}

}  // namespace berth::engine
