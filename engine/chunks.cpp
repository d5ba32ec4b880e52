#include "engine/chunks.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/encoder.hpp"

namespace berth::engine {

namespace {

// Tokens of a chunk, about, at least; and bytes of weights that every chunk may read. BERT-base in INT8 has 85 MB, which the products of 128
// tokens hide even when they come from memory; chunks of 256 and 512 are slower here.
constexpr std::size_t kTokens = 128;
constexpr std::size_t kTileRows = 2 * kernels::kLowRows;  // of the largest tile
constexpr std::size_t kMostWeights = std::size_t{192} << 20;

std::size_t layer_bytes(const ModelWeights& weights) {
  std::size_t bytes = 0;
  for (const LayerWeights& layer : weights.layers)
    bytes += layer.query_key_value.weight_bytes() + layer.attention_output.weight_bytes() + layer.intermediate.weight_bytes() + layer.output.weight_bytes();
  return bytes;
}

// Tiles are computed whole, so a chunk shall have nearly a whole number of them: the longest rows go first, each into the first chunk that has room
// (Johnson 1973, first fit decreasing), and the short ones fill what is left. Room for as many tokens as every thread gets of as many chunks.
void cut(const RaggedBatch& batch, std::size_t threads, ChunkedRows& chunks) {
  std::size_t count = batch.tokens() / kTokens;
  if (count > threads) count = count / threads * threads;
  const std::size_t even = (batch.tokens() + count - 1) / count;
  const std::size_t capacity = (even + kTileRows - 1) / kTileRows * kTileRows;
  chunks.rows.resize(batch.rows());
  std::iota(chunks.rows.begin(), chunks.rows.end(), std::size_t{0});
  std::sort(chunks.rows.begin(), chunks.rows.end(),
            [&](std::size_t a, std::size_t b) { return batch.length(a) != batch.length(b) ? batch.length(a) > batch.length(b) : a < b; });
  chunks.chunk.resize(batch.rows());
  chunks.room.clear();
  for (const std::size_t row : chunks.rows) {
    const std::size_t length = batch.length(row);
    std::size_t i = 0;
    while (i < chunks.room.size() && chunks.room[i] < length) ++i;
    if (i == chunks.room.size()) chunks.room.push_back(std::max(capacity, (length + kTileRows - 1) / kTileRows * kTileRows));
    chunks.room[i] -= length;
    chunks.chunk[row] = i;
  }
  std::sort(chunks.rows.begin(), chunks.rows.end(),
            [&](std::size_t a, std::size_t b) { return chunks.chunk[a] != chunks.chunk[b] ? chunks.chunk[a] < chunks.chunk[b] : a < b; });
  chunks.ends.clear();
  for (std::size_t i = 1; i <= batch.rows(); ++i)
    if (i == batch.rows() || chunks.chunk[chunks.rows[i]] != chunks.chunk[chunks.rows[i - 1]]) chunks.ends.push_back(i);
}

std::size_t tokens_of(const RaggedBatch& batch, const ChunkedRows& chunks, std::size_t chunk) {
  std::size_t tokens = 0;
  for (std::size_t i = chunks.begin(chunk); i < chunks.ends[chunk]; ++i) tokens += batch.length(chunks.rows[i]);
  return tokens;
}

// A chunk of `from` as a batch of its own, in memory that `to` has.
void copy_rows(const RaggedBatch& from, const ChunkedRows& chunks, std::size_t chunk, RaggedBatch& to) noexcept {
  to.clear();
  for (std::size_t i = chunks.begin(chunk); i < chunks.ends[chunk]; ++i) {
    const std::size_t row = chunks.rows[i];
    const auto append = [&](const std::vector<std::int32_t>& values, std::vector<std::int32_t>& all) {
      if (values.empty()) return;
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(from.cumulative_lengths[row]);
      all.insert(all.end(), begin, begin + static_cast<std::ptrdiff_t>(from.length(row)));
    };
    append(from.ids, to.ids);
    append(from.type_ids, to.type_ids);
    if (!from.attended.empty()) to.attended.push_back(from.attended[row]);
    to.cumulative_lengths.push_back(to.ids.size());
  }
}

Compute on_one_thread(const Compute& compute) { return {.kernels = compute.kernels, .low = compute.low, .pool = one_thread()}; }

}  // namespace

bool prepare_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.chunks.ends.clear();
  if (weights.layer_precision == Precision::fp32 || batch.rows() < 2 || batch.tokens() < 2 * kTokens || layer_bytes(weights) > kMostWeights) return false;
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  cut(batch, threads, workspace.chunks);
  const std::size_t count = workspace.chunks.count();
  std::size_t most = 0;
  std::size_t most_rows = 0;
  for (std::size_t i = 0; i < count; ++i) {
    most = std::max(most, tokens_of(batch, workspace.chunks, i));
    most_rows = std::max(most_rows, workspace.chunks.ends[i] - workspace.chunks.begin(i));
  }
  if (count < threads || most * threads > batch.tokens() + batch.tokens() / 4) {
    workspace.chunks.ends.clear();
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

void run_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers,
                Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const ChunkedRows& chunks = workspace.chunks;
  const std::size_t size = config.hidden_size;
  compute.pool.parallel_for(chunks.count(), [&](std::size_t i, std::size_t slot) noexcept {
    Workspace& part = *workspace.parts[slot];
    copy_rows(batch, chunks, i, part.batch);
    run_encoder(on_one_thread(compute), config, weights, layers, part);
    const float* from = part.hidden();
    for (std::size_t j = chunks.begin(i); j < chunks.ends[i]; ++j) {
      const std::size_t row = chunks.rows[j];
      std::memcpy(workspace.hidden() + batch.cumulative_lengths[row] * size, from, batch.length(row) * size * sizeof(float));
      from += batch.length(row) * size;
    }
  });
}

}  // namespace berth::engine
