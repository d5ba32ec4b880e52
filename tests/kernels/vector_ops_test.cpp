// What pooling and checking need: scale, max_into, add_scaled, dot and all_finite, at every remainder.
#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

class VectorOpsTest : public KernelTest {
 protected:
  float* place(GuardedMemory& memory, const std::vector<float>& values) {
    auto* at = memory.place<float>(values.size());
    std::copy(values.begin(), values.end(), at);
    return at;
  }
  GuardedMemory out_{1U << 16}, x_{1U << 16};
  static constexpr std::size_t kMostSize = 3 * 16 + 2;
};
BERTH_FOR_EVERY_TABLE(VectorOpsTest);

TEST_P(VectorOpsTest, ScaleMultipliesEachElement) {
  Random random(15);
  for (std::size_t size = 0; size <= kMostSize; ++size) {
    const std::vector<float> x = random.normals(size);
    float* at = place(out_, x);
    kernels().scale(at, 0.37F, size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(at[i], x[i] * 0.37F) << i << " of " << size;
    ASSERT_TRUE(out_.intact());
  }
}

TEST_P(VectorOpsTest, MaxIntoKeepsTheLarger) {
  Random random(16);
  for (std::size_t size = 0; size <= kMostSize; ++size) {
    const std::vector<float> a = random.normals(size);
    const std::vector<float> b = random.normals(size);
    float* out = place(out_, a);
    kernels().max_into(out, place(x_, b), size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(out[i], std::max(a[i], b[i])) << i << " of " << size;
    ASSERT_TRUE(out_.intact());
  }
}

TEST_P(VectorOpsTest, AddScaledIsOneMultiplyAddPerElement) {
  Random random(17);
  for (std::size_t size = 0; size <= kMostSize; ++size) {
    const std::vector<float> a = random.normals(size);
    const std::vector<float> b = random.normals(size);
    float* out = place(out_, a);
    kernels().add_scaled(out, place(x_, b), -1.7F, size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(out[i], fuses() ? std::fma(b[i], -1.7F, a[i]) : a[i] + b[i] * -1.7F) << i << " of " << size;
    ASSERT_TRUE(out_.intact());
  }
}

TEST_P(VectorOpsTest, DotIsCloseToTheSumInDouble) {
  Random random(18);
  std::vector<std::size_t> sizes = {384, 768, 1000};
  for (std::size_t size = 0; size <= kMostSize; ++size) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    const std::vector<float> a = random.normals(size);
    const std::vector<float> b = random.normals(size);
    double sum = 0.0;
    double magnitude = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      sum += double{a[i]} * double{b[i]};
      magnitude += std::fabs(double{a[i]} * double{b[i]});
    }
    const double steps = static_cast<double>(size / kernels().lanes + kernels().lanes);
    ASSERT_NEAR(kernels().dot(place(out_, a), place(x_, b), size), sum, steps * kEpsilon * magnitude) << size;
  }
}

TEST_P(VectorOpsTest, AllFiniteFindsOneBadValueAnywhere) {
  for (std::size_t size = 0; size <= kMostSize; ++size) {
    float* x = out_.place<float>(size);
    // Values whose sums overflow are finite themselves.
    for (std::size_t i = 0; i < size; ++i) x[i] = i % 2 == 0 ? std::numeric_limits<float>::max() : std::numeric_limits<float>::denorm_min();
    ASSERT_TRUE(kernels().all_finite(x, size)) << size;
    for (std::size_t i = 0; i < size; ++i)
      for (const float bad : {kNaN, -kNaN, float_of(0x7fa00000U), kInfinity, -kInfinity}) {
        const float good = std::exchange(x[i], bad);
        ASSERT_FALSE(kernels().all_finite(x, size)) << bad << " at " << i << " of " << size;
        x[i] = good;
      }
  }
}

// Where values are NaN by the pattern beyond the end of an array, only these count.
TEST_P(VectorOpsTest, AllFiniteReadsNothingElse) {
  std::vector<float> x(2 * kMostSize, kNaN);
  for (std::size_t size = 0; size <= kMostSize; ++size) {
    std::fill_n(x.begin() + 3, size, 1.0F);
    EXPECT_TRUE(kernels().all_finite(x.data() + 3, size)) << size;
  }
}

}  // namespace
}  // namespace berth::kernels
