// Scores of models, on examples that can be worked out by hand.
#include "apps/cli/metrics.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

TEST(CliMetrics, Cosine) {
  const std::vector<float> a = {3, 4}, b = {4, 3}, zero = {0, 0}, back = {-3, -4};
  EXPECT_DOUBLE_EQ(cosine(a, b), 24.0 / 25.0);
  EXPECT_DOUBLE_EQ(cosine(a, a), 1.0);
  EXPECT_DOUBLE_EQ(cosine(a, back), -1.0);
  EXPECT_EQ(cosine(a, zero), 0.0);
  EXPECT_EQ(largest_difference(a, back), 8.0);
}

TEST(CliMetrics, Correlations) {
  const std::vector<double> a = {1, 2, 3, 4}, cubes = {1, 8, 27, 64}, down = {4, 3, 2, 1}, flat = {2, 2, 2, 2}, tied = {1, 1, 2, 3};
  EXPECT_DOUBLE_EQ(pearson(a, a), 1.0);
  EXPECT_DOUBLE_EQ(pearson(a, down), -1.0);
  EXPECT_NEAR(pearson(a, cubes), 0.951369, 1e-6);
  EXPECT_DOUBLE_EQ(spearman(a, cubes), 1.0);
  EXPECT_EQ(pearson(a, flat), 0.0);
  EXPECT_EQ(spearman(flat, a), 0.0);
  EXPECT_EQ(pearson({}, {}), 0.0);
  EXPECT_NEAR(spearman(a, tied), 4.5 / std::sqrt(5.0 * 4.5), 1e-12);  // ranks 1.5, 1.5, 3, 4
}

TEST(CliMetrics, F1) {
  F1 f1(3);  // label 0: found twice, once rightly; label 1: missed; label 2 never
  f1.add(0, true, true);
  f1.add(0, true, false);
  f1.add(1, false, true);
  f1.add(2, false, false);
  EXPECT_DOUBLE_EQ(f1.micro(), 2.0 * 1 / (2 + 2));
  EXPECT_DOUBLE_EQ(f1.macro(), (2.0 / 3 + 0 + 0) / 3);
}

TEST(CliMetrics, Nearest) {
  const std::vector<float> rows = {1, 0, 0, 1, 2, 0.1F, 0, 0};
  EXPECT_EQ(nearest(rows, rows, 2, false), (std::vector<std::size_t>{0, 1, 2, 0}));
  EXPECT_EQ(nearest(rows, rows, 2, true), (std::vector<std::size_t>{2, 2, 0, 0}));
  const std::vector<float> candidates = {-1, 0, 0, -1, 5, 5};
  EXPECT_EQ(nearest(rows, candidates, 2, false), (std::vector<std::size_t>{2, 2, 2, 0}));
}

}  // namespace
}  // namespace berth::cli
