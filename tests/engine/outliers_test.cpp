#include "engine/outliers.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace berth::engine {
namespace {

std::vector<float> factors(const std::vector<float>& inputs, const std::vector<float>& weights) {
  const Vector result = channel_factors(inputs, weights);
  return {result.data(), result.data() + result.size()};
}

TEST(ChannelFactors, OrdinaryChannelsHaveNone) {
  EXPECT_TRUE(factors({1, 1, 1, 1}, {1, 1, 1, 1}).empty());
  EXPECT_TRUE(factors({1, 1.5, 0.7F, 1.2F, 0.9F}, {0.1F, 0.12F, 0.09F, 0.1F, 0.08F}).empty());
  EXPECT_TRUE(factors({1, 2.5F, 1, 1, 1}, {1, 1 / 2.5F, 1, 1, 1}).empty()) << "too little to be worth it";
  EXPECT_TRUE(factors({0, 0}, {0, 0}).empty());
  EXPECT_TRUE(factors({}, {}).empty());
}

// Whatever was moved from the weights into the inputs is moved back.
TEST(ChannelFactors, GiveBackWhatWasPutIn) {
  EXPECT_EQ(factors({1, 32, 1, 1, 1}, {1, 1.0F / 32, 1, 1, 1}), (std::vector<float>{1, 1.0F / 32, 1, 1, 1}));
  EXPECT_EQ(factors({1, 40, 1, 1, 1}, {1, 1.0F / 40, 1, 1, 1}), (std::vector<float>{1, 1.0F / 32, 1, 1, 1})) << "to the nearest power of two";
  EXPECT_EQ(factors({7, 7, 7, 7 * 64, 7}, {0.1F, 0.1F, 0.1F, 0.1F / 64, 0.1F}), (std::vector<float>{1, 1, 1, 1.0F / 64, 1}));
}

// A channel that is large alone shares the burden: half of it goes to the weights.
TEST(ChannelFactors, ShareTheBurden) { EXPECT_EQ(factors({1, 256, 1, 1, 1}, {1, 1, 1, 1, 1}), (std::vector<float>{1, 1.0F / 16, 1, 1, 1})); }

TEST(ChannelFactors, SmallChannelsStay) { EXPECT_TRUE(factors({1, 0.001F, 1, 1, 1}, {1, 1, 1, 1, 1}).empty()); }

TEST(ChannelFactors, ChannelsThatAreNeverSetOrReadHaveNone) {
  EXPECT_EQ(factors({1, 0, 1, 64, 1, 1}, {1, 1, 0, 1.0F / 64, 1, 1}), (std::vector<float>{1, 1, 1, 1.0F / 64, 1, 1}));
}

TEST(ChannelFactors, AreBounded) {
  const auto result = factors({1, 3e38F, 1}, {1, 1e-38F, 1});
  EXPECT_EQ(result[1], 1.0F / 65536);
}

}  // namespace
}  // namespace berth::engine
