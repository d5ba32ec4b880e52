#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

class SoftmaxTest : public KernelTest {
 protected:
  std::vector<float> run(const std::vector<float>& x, std::size_t rows) {
    auto* at = memory_.place<float>(x.size());
    std::memcpy(at, x.data(), x.size() * sizeof(float));
    kernels().softmax(at, rows, x.size() / rows);
    EXPECT_TRUE(memory_.intact());
    return {at, at + x.size()};
  }
  void expect_softmax(const float* x, const float* y, std::size_t size) {
    const double maximum = *std::max_element(x, x + size);
    double sum = 0.0;
    for (std::size_t i = 0; i < size; ++i) sum += std::exp(double{x[i]} - maximum);
    double total = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      const double expected = std::exp(double{x[i]} - maximum) / sum;
      // The exponent's own rounding, exp's, and those of the sum and the quotient; 2e-38 is where exp stops.
      const double relative = kEpsilon * (std::fabs(double{x[i]} - maximum) + static_cast<double>(size / kernels().lanes) + 8.0);
      ASSERT_NEAR(y[i], expected, expected * relative + 2e-38) << "element " << i << " of " << size;
      total += double{y[i]};
    }
    ASSERT_NEAR(total, 1.0, 1e-5);
  }

 private:
  GuardedMemory memory_{1U << 20};
};
BERTH_FOR_EVERY_TABLE(SoftmaxTest);

TEST_P(SoftmaxTest, IsCloseToTheDefinitionForEverySize) {
  Random random(13);
  for (std::size_t size = 1; size <= 2 * 16 + 3; ++size)
    for (const std::size_t rows : {1U, 2U, 5U})
      for (const float spread : {1.0F, 30.0F, 1e4F}) {
        const std::vector<float> x = random.normals(rows * size, spread);
        const std::vector<float> y = run(x, rows);
        for (std::size_t i = 0; i < rows; ++i) ASSERT_NO_FATAL_FAILURE(expect_softmax(x.data() + i * size, y.data() + i * size, size)) << spread;
      }
}

TEST_P(SoftmaxTest, IsExactWhereTheDefinitionIs) {
  EXPECT_EQ(run({-3.5F}, 1), std::vector<float>{1.0F});
  EXPECT_EQ(run({7.0F, 7.0F}, 1), (std::vector<float>{0.5F, 0.5F}));
  EXPECT_EQ(run({3e38F, -3e38F, 3e38F}, 1).front(), 0.5F);  // the difference overflows, the result does not
  EXPECT_EQ(run({0.0F, -kInfinity, 0.0F, 0.0F}, 1)[2], 1.0F / 3.0F);
}

TEST_P(SoftmaxTest, GivesARowTheSameBitsInAnyPlace) {
  Random random(14);
  for (const std::size_t size : {2U, 3U, 17U, 40U}) {
    const std::vector<float> x = random.normals(4 * size, 3.0F);
    const std::vector<float> all = run(x, 4);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i * size);
      const auto end = static_cast<std::ptrdiff_t>((i + 1) * size);
      EXPECT_EQ(run({x.begin() + at, x.begin() + end}, 1), std::vector<float>(all.begin() + at, all.begin() + end));
    }
  }
}

}  // namespace
}  // namespace berth::kernels
