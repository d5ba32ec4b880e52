// The load of berth bench and the statistics it prints.
#include "apps/cli/bench_load.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

TEST(CliBenchLoad, EvenRows) { EXPECT_EQ(row_lengths(3, 128, false), (std::vector<std::size_t>{128, 128, 128})); }

TEST(CliBenchLoad, RaggedRows) {
  for (const std::size_t batch : {4U, 8U, 32U, 100U}) {
    for (const std::size_t length : {64U, 128U, 512U}) {
      const auto lengths = row_lengths(batch, length, true);
      ASSERT_EQ(lengths.size(), batch);
      EXPECT_EQ(*std::min_element(lengths.begin(), lengths.end()), 8U);
      EXPECT_EQ(*std::max_element(lengths.begin(), lengths.end()), length);
      const double mean = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})) / static_cast<double>(batch);
      EXPECT_NEAR(mean, static_cast<double>(length) / 3, static_cast<double>(length) / 20) << batch << " x " << length;
      EXPECT_FALSE(std::is_sorted(lengths.begin(), lengths.end()));
      EXPECT_EQ(row_lengths(batch, length, true), lengths);
    }
  }
  EXPECT_EQ(row_lengths(1, 300, true), std::vector<std::size_t>{100});
  EXPECT_EQ(row_lengths(2, 4, true), (std::vector<std::size_t>{4, 4}));
}

TEST(CliBenchLoad, IdsAreInTheVocabularyAndSpread) {
  const std::vector<std::size_t> lengths = {1000, 500};
  const auto rows = random_rows(lengths, 50);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].size(), 500U);
  std::vector<int> seen(50);
  for (const auto& row : rows) {
    for (const auto id : row) {
      ASSERT_TRUE(id >= 0 && id < 50);
      ++seen[static_cast<std::size_t>(id)];
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 0);
  EXPECT_EQ(random_rows(lengths, 50), rows);
}

TEST(CliBenchLoad, Summary) {
  const Summary one = summarise({4.0});
  EXPECT_EQ(one.mean, 4.0);
  EXPECT_EQ(one.std, 0.0);
  EXPECT_EQ(one.p99, 4.0);
  std::vector<double> samples(101);
  std::iota(samples.rbegin(), samples.rend(), 0.0);
  const Summary many = summarise(samples);
  EXPECT_DOUBLE_EQ(many.mean, 50.0);
  EXPECT_DOUBLE_EQ(many.p50, 50.0);
  EXPECT_DOUBLE_EQ(many.p95, 95.0);
  EXPECT_DOUBLE_EQ(many.p99, 99.0);
  EXPECT_NEAR(many.std, 29.3001706, 1e-6);
  EXPECT_DOUBLE_EQ(summarise({1.0, 2.0}).p50, 1.5);
}

TEST(CliBenchLoad, Flop) {
  const std::vector<std::size_t> lengths = {2, 3};
  EXPECT_DOUBLE_EQ(batch_flop(lengths, 10, 1), 2 * 10 + 4 + 3 * 10 + 9);
}

TEST(CliBenchLoad, Memory) {
  EXPECT_GT(status_megabytes("VmHWM"), 1.0);
  EXPECT_GT(status_megabytes("RssAnon"), 0.1);
  EXPECT_EQ(status_megabytes("NoSuchField"), 0.0);
}

}  // namespace
}  // namespace berth::cli
