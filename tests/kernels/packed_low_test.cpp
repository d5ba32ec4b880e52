// Packed 8-bit weights whose pairs are bounded: the same weights, within the bound.
#include "kernels/packed_low.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

// What is stored and what is on top of it are the weights that came in, in orders and with signs that kS8Orders names, and no pair is beyond the bound.
TEST(PackedS8, BoundedPairsHoldTheSameWeights) {
  constexpr std::size_t kOut = 40, kIn = 1100;
  Random random(4);
  std::vector<std::int8_t> w(kOut * kIn);
  for (auto& x : w) x = s8_value(S8Values::normal, random);
  PackedS8 packed(kOut, kIn);
  for (std::size_t j = 0; j < kOut; ++j) packed.set_row(j, w.data() + j * kIn, 1.0F);
  const std::size_t before = packed.bytes();
  for (int time = 0; time < 2; ++time) packed.bound_pairs(base::ThreadPool(2));
  EXPECT_GT(packed.bytes(), before);
  EXPECT_LT(packed.bytes(), before + before / 3);
  const PackedS8View view = packed.view();
  ASSERT_NE(view.bounded.places, nullptr);
  const std::size_t groups = view.k_padded / 4;
  EXPECT_GT(view.bounded.excess_first[3], 0U) << "a test of nothing";
  std::vector<bool> seen(kS8OrderCount, false);
  for (std::size_t j = 0; j < kOut; ++j) {
    const std::size_t panel = j / kLowPanelWidth;
    std::int32_t sum = 0;
    for (std::size_t group = 0; group < groups; ++group) {
      const std::size_t place = view.bounded.places[panel * groups + group];
      EXPECT_EQ(place % kS8Stretch, group * 4 % kS8Stretch);
      const S8Order& order = kS8Orders[place / kS8Stretch];
      seen[place / kS8Stretch] = true;
      const std::int8_t* stored = view.data + (panel * groups + group) * 64 + j % kLowPanelWidth * 4;
      int four[4] = {};
      for (std::size_t i = 0; i < 4; ++i) {
        four[order.k[i]] = order.negates && i % 2 == 1 ? -stored[i] : stored[i];
        sum += stored[i];
      }
      for (std::size_t i = 0; i < 4; i += 2) EXPECT_LE(std::abs(stored[i] + stored[i + 1]), kPairBound);
      for (std::size_t e = view.bounded.excess_first[panel]; e < view.bounded.excess_first[panel + 1]; ++e) {
        if (view.bounded.excess_groups[e] != group) continue;
        for (std::size_t i = 0; i < 4; ++i) {
          four[i] += view.bounded.excess[e * 64 + j % kLowPanelWidth * 4 + i];
          sum += view.bounded.excess[e * 64 + j % kLowPanelWidth * 4 + i];
        }
      }
      for (std::size_t i = 0; i < 4; ++i) ASSERT_EQ(four[i], group * 4 + i < kIn ? w[j * kIn + group * 4 + i] : 0) << j << ", " << group * 4 + i;
    }
    EXPECT_EQ(view.column_sums[j], sum);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<std::ptrdiff_t>(kS8OrderCount));
}

// All large, of either sign: nearly every group would be on the list.
TEST(PackedS8, LargeWeightsAreLeftAlone) {
  PackedS8 packed(20, 70);
  Random random(1);
  std::vector<std::int8_t> row(70);
  std::int32_t sum = 0;
  for (std::size_t j = 0; j < 20; ++j) {
    for (auto& x : row) x = s8_value(S8Values::extreme, random);
    packed.set_row(j, row.data(), 1.0F);
    sum = std::accumulate(row.begin(), row.end(), 0);
  }
  const std::size_t before = packed.bytes();
  packed.bound_pairs(base::ThreadPool(2));
  EXPECT_EQ(packed.view().bounded.places, nullptr);
  EXPECT_EQ(packed.bytes(), before);
  EXPECT_EQ(packed.view().column_sums[19], sum);
}

}  // namespace
}  // namespace berth::kernels
