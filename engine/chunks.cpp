#include "engine/chunks.hpp"

#include <algorithm>
#include <cstring>

#include "engine/encoder.hpp"

namespace berth::engine {

namespace {

// Tokens of a chunk, at least, but for the last; and bytes of weights that every chunk may read. BERT-base in INT8 has 85 MB, which the products of 128
// tokens hide even when they come from memory; chunks of 256 and 512 are slower here.
constexpr std::size_t kTokens = 128;
constexpr std::size_t kMostWeights = std::size_t{192} << 20;

std::size_t layer_bytes(const ModelWeights& weights) {
  std::size_t bytes = 0;
  for (const LayerWeights& layer : weights.layers)
    bytes += layer.query_key_value.weight_bytes() + layer.attention_output.weight_bytes() + layer.intermediate.weight_bytes() + layer.output.weight_bytes();
  return bytes;
}

// Rows [chunks[i], chunks[i + 1]) make chunk i.
void cut(const RaggedBatch& batch, std::vector<std::size_t>& chunks) {
  chunks.assign(1, 0);
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    const bool full = batch.cumulative_lengths[row + 1] - batch.cumulative_lengths[chunks.back()] >= kTokens;
    if (full || row + 1 == batch.rows()) chunks.push_back(row + 1);
  }
}

std::size_t tokens_of(const RaggedBatch& batch, const std::vector<std::size_t>& chunks, std::size_t chunk) {
  return batch.cumulative_lengths[chunks[chunk + 1]] - batch.cumulative_lengths[chunks[chunk]];
}

// A chunk of `from` as a batch of its own, in memory that `to` has.
void copy_rows(const RaggedBatch& from, std::size_t first, std::size_t end, RaggedBatch& to) noexcept {
  const std::size_t begin_token = from.cumulative_lengths[first];
  const std::size_t end_token = from.cumulative_lengths[end];
  const auto tokens = [&](const std::vector<std::int32_t>& values) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(std::min(begin_token, values.size()));
    return std::pair(begin, values.begin() + static_cast<std::ptrdiff_t>(std::min(end_token, values.size())));
  };
  const auto ids = tokens(from.ids);
  const auto type_ids = tokens(from.type_ids);
  to.clear();
  to.ids.assign(ids.first, ids.second);
  to.type_ids.assign(type_ids.first, type_ids.second);
  if (!from.attended.empty())
    to.attended.assign(from.attended.begin() + static_cast<std::ptrdiff_t>(first), from.attended.begin() + static_cast<std::ptrdiff_t>(end));
  for (std::size_t row = first; row < end; ++row) to.cumulative_lengths.push_back(from.cumulative_lengths[row + 1] - begin_token);
}

Compute on_one_thread(const Compute& compute) { return {.kernels = compute.kernels, .low = compute.low, .pool = one_thread()}; }

}  // namespace

bool prepare_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.chunks.clear();
  if (weights.layer_precision == Precision::fp32 || batch.rows() < 2 || batch.tokens() < 2 * kTokens || layer_bytes(weights) > kMostWeights) return false;
  cut(batch, workspace.chunks);
  const std::size_t count = workspace.chunks.size() - 1;
  std::size_t most = 0;
  std::size_t most_rows = 0;
  for (std::size_t i = 0; i < count; ++i) {
    most = std::max(most, tokens_of(batch, workspace.chunks, i));
    most_rows = std::max(most_rows, workspace.chunks[i + 1] - workspace.chunks[i]);
  }
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  if (count < threads || most * threads > batch.tokens() + batch.tokens() / 4) {
    workspace.chunks.clear();
    return false;
  }
  workspace.reserve({.hidden = batch.tokens() * config.hidden_size});
  const std::size_t slots = std::min(threads, count);
  while (workspace.parts.size() < slots) workspace.parts.push_back(std::make_unique<Workspace>());
  const WorkspacePlan plan = plan_workspace(config, weights.layer_precision, on_one_thread(compute), most, batch.longest());
  for (std::size_t slot = 0; slot < slots; ++slot) {
    Workspace& part = *workspace.parts[slot];
    part.reserve(plan);
    part.positions.reserve(config, weights.relative_bias.data(), batch.longest());
    part.batch.ids.reserve(most);
    part.batch.type_ids.reserve(most);
    part.batch.attended.reserve(most_rows);
    part.batch.cumulative_lengths.reserve(most_rows + 1);
  }
  return true;
}

void run_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers, Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const std::vector<std::size_t>& chunks = workspace.chunks;
  compute.pool.parallel_for(chunks.size() - 1, [&](std::size_t i, std::size_t slot) noexcept {
    Workspace& part = *workspace.parts[slot];
    copy_rows(batch, chunks[i], chunks[i + 1], part.batch);
    run_encoder(on_one_thread(compute), config, weights, layers, part);
    std::memcpy(workspace.hidden() + batch.cumulative_lengths[chunks[i]] * config.hidden_size, part.hidden(),
                part.batch.tokens() * config.hidden_size * sizeof(float));
  });
}

}  // namespace berth::engine
