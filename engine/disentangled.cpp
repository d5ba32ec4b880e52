#include "engine/disentangled.hpp"

#include <algorithm>
#include <vector>

#include "engine/linear.hpp"

namespace berth::engine {

namespace {

std::vector<std::uint64_t> distances_shape(const ModelConfig& config) { return {2 * config.disentangled.span - 1, config.head_size}; }

void count_bytes(ModelWeights& weights, const LayerWeights& layer) {
  for (const auto* positions : {&layer.position_keys, &layer.position_queries})
    for (const kernels::PackedF32& packed : *positions) weights.bytes += packed.bytes();
}

// positions [2 span, hidden] through a projection, cut into heads and packed.
std::vector<kernels::PackedF32> project(const Compute& compute, const ModelConfig& config, const Linear& projection, const Vector& positions) {
  const std::size_t rows = 2 * config.disentangled.span;
  Vector projected(rows * config.hidden_size);
  run_linear(compute, projection, {.x = positions.data(), .y = projected.data(), .rows = rows});
  std::vector<kernels::PackedF32> heads;
  for (std::size_t head = 0; head < config.num_heads; ++head) {
    kernels::PackedF32 packed(rows, config.head_size, compute.kernels);
    for (std::size_t row = 0; row < rows; ++row) packed.set_rows(row, 1, projected.data() + row * config.hidden_size + head * config.head_size);
    heads.push_back(std::move(packed));
  }
  return heads;
}

// The stored table has a row for each distance from 1 - span to span - 1, bucket 1 on; nothing is in bucket 0.
kernels::PackedF32 pack_distances(const Compute& compute, const ModelConfig& config, const Vector& distances) {
  const std::size_t rows = 2 * config.disentangled.span;
  const std::vector<float> none(config.head_size);
  kernels::PackedF32 packed(rows, config.head_size, compute.kernels);
  packed.set_rows(0, 1, none.data());
  packed.set_rows(1, rows - 1, distances.data());
  return packed;
}

// A layer's positions are tables of their own, not projections of one.
void bind_distances(ModelWeights& weights, const ModelConfig& config, const loaders::TensorStore& tensors, const std::string& prefix, const Compute& compute) {
  for (std::size_t i = 0; i < config.stored_layers; ++i) {
    Vector distances;
    Binder binder(tensors, compute);
    binder.values(distances, {prefix + layer_name(config.body.names.distance_embedding, i, config.inner_layers) + ".weight"}, distances_shape(config));
    binder.finish(tensors.label());
    LayerWeights& layer = weights.layers[i];
    if (config.disentangled.content_to_position) layer.position_keys.push_back(pack_distances(compute, config, distances));
    if (config.disentangled.position_to_content) layer.position_queries.push_back(pack_distances(compute, config, distances));
    count_bytes(weights, layer);
  }
}

}  // namespace

void expect_positions(Binder& binder, const ModelConfig& config, const std::string& prefix) {
  const DisentangledSpec& spec = config.disentangled;
  if (spec.span == 0 || spec.shared_projections) return;
  for (std::size_t i = 0; i < config.stored_layers; ++i) {
    if (const std::string_view name = config.body.names.distance_embedding; !name.empty()) {
      binder.expect(prefix + layer_name(name, i, config.inner_layers) + ".weight", distances_shape(config));
      continue;
    }
    const auto expect = [&](std::string_view name, bool bias) {
      binder.expect_linear(prefix + layer_name(name, i, config.inner_layers), config.hidden_size, config.hidden_size, bias);
    };
    if (spec.content_to_position) expect(config.body.names.position_key, config.body.biases.position_key);
    if (spec.position_to_content) expect(config.body.names.position_query, true);
  }
}

void bind_positions(ModelWeights& weights, const ModelConfig& config, const loaders::TensorStore& tensors, const std::string& prefix, const Compute& compute) {
  const DisentangledSpec& spec = config.disentangled;
  if (spec.span == 0) return;
  const TensorNames& names = config.body.names;
  if (!names.distance_embedding.empty()) return bind_distances(weights, config, tensors, prefix, compute);
  const std::size_t rows = 2 * spec.span;
  Vector positions;
  {
    Norm norm;
    Binder binder(tensors, compute);
    binder.values(positions, {prefix + std::string(names.relative_embeddings) + ".weight"}, {rows, config.hidden_size});
    if (!names.relative_embeddings_norm.empty()) binder.norm(norm, prefix + std::string(names.relative_embeddings_norm), config.hidden_size);
    const auto [parameters, bytes] = binder.finish(tensors.label());
    weights.parameters += parameters;
    if (norm.present()) run_norm(compute, norm, config.layer_norm_epsilon, positions.data(), positions.data(), rows, config.hidden_size, nullptr, {});
  }
  for (std::size_t i = 0; i < config.stored_layers; ++i) {
    // One layer at a time: its projections in FP32 live only here.
    Linear key, query;
    Binder binder(tensors, compute);
    const auto bind = [&](Linear& to, std::string_view own, std::string_view shared, bool bias) {
      binder.linear(to, prefix + layer_name(spec.shared_projections ? shared : own, i, config.inner_layers), config.hidden_size, config.hidden_size,
                    Precision::fp32, bias);
    };
    if (spec.content_to_position) bind(key, names.position_key, names.key, config.body.biases.position_key);
    if (spec.position_to_content) bind(query, names.position_query, names.query, true);
    binder.finish(tensors.label());
    LayerWeights& layer = weights.layers[i];
    if (spec.content_to_position) layer.position_keys = project(compute, config, key, positions);
    if (spec.position_to_content) layer.position_queries = project(compute, config, query, positions);
    count_bytes(weights, layer);
  }
}

}  // namespace berth::engine
