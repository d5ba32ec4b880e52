// Batches cut into chunks: every row once, chunks that fill their tiles, threads with equal work.
#include "engine/chunks.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace engine;

constexpr std::size_t kTile = 32;

RaggedBatch batch_of(const std::vector<std::size_t>& lengths) {
  RaggedBatch batch;
  for (const std::size_t length : lengths) {
    batch.ids.resize(batch.ids.size() + length);
    batch.cumulative_lengths.push_back(batch.ids.size());
  }
  return batch;
}

// Tokens of every chunk, after a look at its rows: each row of the batch is in one chunk.
std::vector<std::size_t> cut(const std::vector<std::size_t>& lengths, std::size_t threads) {
  const RaggedBatch batch = batch_of(lengths);
  ChunkedRows chunks;
  cut_rows(batch, threads, chunks);
  std::vector<std::size_t> rows = chunks.rows;
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows.size(), lengths.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], i);
  EXPECT_EQ(chunks.ends.back(), lengths.size());
  std::vector<std::size_t> tokens;
  for (std::size_t i = 0; i < chunks.count(); ++i) {
    EXPECT_LT(chunks.begin(i), chunks.ends[i]);
    tokens.push_back(0);
    for (std::size_t j = chunks.begin(i); j < chunks.ends[i]; ++j) tokens.back() += batch.length(chunks.rows[j]);
  }
  return tokens;
}

std::size_t tiles(const std::vector<std::size_t>& tokens, std::size_t first, std::size_t last) {
  std::size_t sum = 0;
  for (std::size_t i = first; i < last; ++i) sum += (tokens[i] + kTile - 1) / kTile;
  return sum;
}

TEST(Chunks, EqualRowsAreChunksOfTheirOwn) {
  for (const std::size_t threads : {1U, 2U, 4U, 8U}) EXPECT_EQ(cut(std::vector<std::size_t>(8, 128), threads), std::vector<std::size_t>(8, 128)) << threads;
}

// The lengths of bench/cells.py's ragged batch: 44 tiles at least. Capacities that are equal, and so 160, would give two threads 25 and 20 of them; chunks that
// are dealt out beforehand, in turn, 23 and 21.
TEST(Chunks, TwoThreadsGetEqualWork) {
  const std::vector<std::size_t> lengths = {8,  8,  8,  8,  9,  9,  10, 11, 12, 14, 15, 17, 20,  22,  25,  28,
                                            32, 35, 39, 44, 49, 54, 60, 66, 72, 79, 86, 93, 101, 110, 119, 128};
  const std::vector<std::size_t> tokens = cut(lengths, 2);
  EXPECT_TRUE(std::is_sorted(tokens.rbegin(), tokens.rend()));
  std::size_t threads[2] = {0, 0};
  for (const std::size_t chunk : tokens) *std::min_element(threads, threads + 2) += (chunk + kTile - 1) / kTile;
  EXPECT_EQ(threads[0], 22U);
  EXPECT_EQ(threads[1], 22U);
}

TEST(Chunks, WasteLittleForRandomLengths) {
  std::mt19937 generator(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::size_t> lengths(16 + generator() % 200);
    const std::size_t longest = 20 + generator() % 60;
    std::size_t all = 0;
    for (std::size_t& length : lengths) all += length = 1 + generator() % longest;
    const std::size_t threads = 1 + generator() % 4;
    if (all < 256 * threads) continue;
    const std::vector<std::size_t> tokens = cut(lengths, threads);
    const std::size_t least = (all + kTile - 1) / kTile;
    EXPECT_LE(tiles(tokens, 0, tokens.size()), least + least / 8 + 1) << round;
    for (const std::size_t one : tokens) EXPECT_LE(one, 256U) << round;
  }
}

// A row longer than a chunk is one by itself, and the first.
TEST(Chunks, ALongRowIsAChunk) {
  std::vector<std::size_t> lengths(40, 16);
  lengths.push_back(500);
  const std::vector<std::size_t> tokens = cut(lengths, 2);
  EXPECT_GE(tokens.front(), 500U);
  EXPECT_LE(tokens.front(), 512U);
}

}  // namespace
}  // namespace berth::test
