// The bounds that kernels/generic/math.hpp states, over every 4099th float; math_exhaustive_test.cpp takes every one.
#include "kernels/generic/math.hpp"
#include "kernels/isa/baseline.hpp"
#include "tests/kernels/math_sweep.hpp"

namespace berth::kernels {
namespace {

constexpr std::uint32_t kStep = 4099;  // a prime: all endings of the fraction occur

class MathTest : public KernelTest {};
BERTH_FOR_EVERY_TABLE(MathTest);

TEST_P(MathTest, ExpIsWithinItsBound) {
  std::vector<Worst> worst;
  sweep_exp({GetParam()}, -1e-30F, -87.0F, 97, worst);
  expect_within(worst[0], "exp");
}

TEST_P(MathTest, ActivationsAreWithinTheirBounds) {
  for (const Activation activation : kActivations) {
    std::vector<Worst> worst;
    for (const float sign : {1.0F, -1.0F}) {
      sweep_activation(activation, {GetParam()}, 0.0F * sign, 1e30F * sign, kStep, worst);
      sweep_activation(activation, {GetParam()}, 0.5F * sign, 12.0F * sign, 61, worst);
    }
    expect_within(worst[0], name_of(activation));
  }
}

TEST_P(MathTest, ExpStopsAtItsLimits) {
  std::vector<float> row = {0.0F, -87.0F, -87.1F, -100.0F, -1e30F, -kInfinity};
  kernels().softmax(row.data(), 1, row.size());
  EXPECT_NEAR(row[1], std::exp(-87.0), 2e-45);
  for (std::size_t i = 2; i < row.size(); ++i) EXPECT_EQ(row[i], row[1]);
}

// Beyond what a polynomial covers they are their limits exactly.
TEST_P(MathTest, GeluIsExactlyItsLimitFarOut) {
  for (const float x : {5.6F, 6.0F, 10.0F, 1e10F, 3e38F}) {
    std::vector<float> y = {x, -x};
    kernels().activate(y.data(), 2, Activation::gelu);
    EXPECT_EQ(y[0], x);
    EXPECT_EQ(y[1], 0.0F);
  }
}

TEST_P(MathTest, ZeroStaysZero) {
  for (const Activation activation : kActivations) {
    if (activation == Activation::sigmoid) continue;
    float x = 0.0F;
    kernels().activate(&x, 1, activation);
    EXPECT_EQ(x, 0.0F) << name_of(activation);
  }
}

// What has no kernel of its own to be seen through: the exponential of low precision, by the instruction set that every CPU has.
TEST(MathLow, Exp2IsWithinItsBound) {
  Worst worst;
  for_floats(-1e-30F, -126.0F, 97, [&](std::span<const float> x) {
    for (std::size_t i = 0; i + Baseline::kLanes <= x.size(); i += Baseline::kLanes) {
      Baseline::F32 y[1] = {Baseline::load(x.data() + i)};
      VectorMath<Baseline>::exp2_low(y);
      float got[Baseline::kLanes];
      Baseline::store(got, y[0]);
      for (std::size_t lane = 0; lane < Baseline::kLanes; ++lane) {
        const double exact = std::exp2(double{x[i + lane]});
        worst.update(std::abs(double{got[lane]} - exact) / exact, 1.1e-4, x[i + lane]);
      }
    }
  });
  expect_within(worst, "exp2_low");
}

// A value's result does not depend on where in a vector it stands, nor on its neighbours.
TEST_P(MathTest, ActivationsGiveAValueTheSameBitsAnywhere) {
  Random random(22);
  GuardedMemory memory(4096);
  for (const Activation activation : kActivations)
    for (std::size_t size = 0; size <= 35; ++size) {
      const std::vector<float> x = random.normals(size, 4.0F);
      auto* y = memory.place<float>(size);
      std::copy(x.begin(), x.end(), y);
      kernels().activate(y, size, activation);
      ASSERT_TRUE(memory.intact());
      for (std::size_t i = 0; i < size; ++i) {
        float alone = x[i];
        kernels().activate(&alone, 1, activation);
        ASSERT_EQ(bits_of(y[i]), bits_of(alone)) << name_of(activation) << ", " << i << " of " << size;
      }
    }
}

}  // namespace
}  // namespace berth::kernels
