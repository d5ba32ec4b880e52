#include "engine/chunks.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

#include "engine/encoder.hpp"

namespace berth::engine {

namespace {

// Tokens of a chunk, about, at least and at most; and bytes of weights that every chunk may read. BERT-base in INT8 has 85 MB, which the products of 128
// tokens hide even when they come from memory; chunks of 256 and 512 are slower here.
constexpr std::size_t kTokens = 128;
constexpr std::size_t kMostTokens = 192;
constexpr std::size_t kSpareTokens = 4;                   // that a chunk is expected not to fill
constexpr std::size_t kTileRows = 2 * kernels::kLowRows;  // of the largest tile
constexpr std::size_t kMostWeights = std::size_t{192} << 20;

std::size_t layer_bytes(const ModelWeights& weights) {
  std::size_t bytes = 0;
  for (const LayerWeights& layer : weights.layers) bytes += layer.product_bytes();
  return bytes;
}

constexpr std::size_t tiles_of(std::size_t tokens) { return (tokens + kTileRows - 1) / kTileRows; }

// Gives every row of chunks.rows, the longest first, a chunk. Tiles are computed whole, so a chunk shall have nearly a whole number of them: each row goes into
// the first chunk that has room (Johnson 1973, first fit decreasing), and the short ones fill what is left. The batch's tiles are dealt out to `count`
// chunks as these are begun, so that they differ by one at most.
void deal(const RaggedBatch& batch, std::size_t count, ChunkedRows& chunks) {
  std::size_t tiles_left = tiles_of(batch.tokens() + count * kSpareTokens);
  chunks.room.clear();
  chunks.tokens.clear();
  for (const std::size_t row : chunks.rows) {
    const std::size_t length = batch.length(row);
    std::size_t i = 0;
    while (i < chunks.room.size() && chunks.room[i] < length) ++i;
    if (i == chunks.room.size()) {
      const std::size_t chunks_left = i < count ? count - i : 1;
      const std::size_t tiles = std::max((tiles_left + chunks_left - 1) / chunks_left, tiles_of(length));
      tiles_left -= std::min(tiles_left, tiles);
      chunks.room.push_back(tiles * kTileRows);
      chunks.tokens.push_back(0);
    }
    chunks.room[i] -= length;
    chunks.tokens[i] += length;
    chunks.chunk[row] = i;
  }
}

// chunks.order: the longest first, so that threads, each of which takes the next chunk when it is done with one, end at about the same time (Graham 1969).
void order(ChunkedRows& chunks) {
  chunks.order.resize(chunks.tokens.size());
  std::iota(chunks.order.begin(), chunks.order.end(), std::size_t{0});
  std::sort(chunks.order.begin(), chunks.order.end(),
            [&](std::size_t a, std::size_t b) { return chunks.tokens[a] != chunks.tokens[b] ? chunks.tokens[a] > chunks.tokens[b] : a < b; });
}

// How long the chunks take so, about: in halves of a tile, of which reading the weights takes one a chunk.
std::size_t cost(ChunkedRows& chunks, std::size_t threads) {
  std::vector<std::size_t>& thread_costs = chunks.thread_costs;
  thread_costs.assign(threads, 0);
  for (const std::size_t i : chunks.order) *std::min_element(thread_costs.begin(), thread_costs.end()) += 2 * tiles_of(chunks.tokens[i]) + 1;
  return *std::max_element(thread_costs.begin(), thread_costs.end());
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

// Of a few numbers of chunks the one that takes the least time; many chunks are even enough as they are.
void cut_rows(const RaggedBatch& batch, std::size_t threads, ChunkedRows& chunks) {
  chunks.rows.resize(batch.rows());
  std::iota(chunks.rows.begin(), chunks.rows.end(), std::size_t{0});
  std::sort(chunks.rows.begin(), chunks.rows.end(),
            [&](std::size_t a, std::size_t b) { return batch.length(a) != batch.length(b) ? batch.length(a) > batch.length(b) : a < b; });
  chunks.chunk.resize(batch.rows());
  const std::size_t tried_numbers = batch.tokens() / kTokens > 8 * threads ? 1 : 4;
  const std::size_t step = std::min(threads, batch.tokens() / kTokens);
  std::size_t best = 0;
  std::size_t least = 0;
  for (std::size_t count = batch.tokens() / kTokens / step * step, tried = 0; count > 0 && tried < tried_numbers; count -= step, ++tried) {
    if (tried > 0 && batch.tokens() > count * kMostTokens) break;
    deal(batch, count, chunks);
    order(chunks);
    const std::size_t took = cost(chunks, threads);
    if (tried > 0 && took >= least) continue;
    best = count;
    least = took;
  }
  deal(batch, best, chunks);
  order(chunks);
  chunks.place.resize(chunks.order.size());
  for (std::size_t i = 0; i < chunks.order.size(); ++i) chunks.place[chunks.order[i]] = i;
  const auto place = [&](std::size_t row) { return chunks.place[chunks.chunk[row]]; };
  std::sort(chunks.rows.begin(), chunks.rows.end(), [&](std::size_t a, std::size_t b) { return place(a) != place(b) ? place(a) < place(b) : a < b; });
  chunks.ends.clear();
  for (std::size_t i = 1; i <= batch.rows(); ++i)
    if (i == batch.rows() || chunks.chunk[chunks.rows[i]] != chunks.chunk[chunks.rows[i - 1]]) chunks.ends.push_back(i);
}

bool prepare_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.chunks.ends.clear();
  if (weights.layer_precision == Precision::fp32 || batch.rows() < 2 || batch.tokens() < 2 * kTokens || layer_bytes(weights) > kMostWeights) return false;
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  cut_rows(batch, threads, workspace.chunks);
  const std::size_t count = workspace.chunks.count();
  std::size_t most = 0;
  std::size_t most_rows = 0;
  for (std::size_t i = 0; i < count; ++i) {
    most = std::max(most, workspace.chunks.tokens[i]);
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
    part.positions.reserve(config, weights.relative_bias, batch.longest());
    part.shares.reserve(1);
    part.routing.reserve(config.experts, most);
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
  std::atomic<std::size_t> next{0};
  compute.pool.parallel_for(std::min(chunks.count(), static_cast<std::size_t>(compute.pool.threads())), [&](std::size_t, std::size_t slot) noexcept {
    Workspace& part = *workspace.parts[slot];
    for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < chunks.count(); i = next.fetch_add(1, std::memory_order_relaxed)) {
      copy_rows(batch, chunks, i, part.batch);
      run_encoder(on_one_thread(compute), config, weights, layers, part);
      const float* from = part.hidden();
      for (std::size_t j = chunks.begin(i); j < chunks.ends[i]; ++j) {
        const std::size_t row = chunks.rows[j];
        std::memcpy(workspace.hidden() + batch.cumulative_lengths[row] * size, from, batch.length(row) * size * sizeof(float));
        from += batch.length(row) * size;
      }
    }
  });
}

}  // namespace berth::engine
