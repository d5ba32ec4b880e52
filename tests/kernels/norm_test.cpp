#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

class NormTest : public KernelTest {
 protected:
  struct Options {
    bool bias, in_place;
    std::size_t gap;
    float epsilon;
    bool centred = true;  // LayerNorm; else RMSNorm
  };
  std::vector<float> run(const std::vector<float>& x, std::size_t rows, std::size_t size, const std::vector<float>& weight, const std::vector<float>& bias,
                         const Options& options) {
    const std::size_t stride = size + options.gap;
    const std::size_t extent = (rows - 1) * stride + size;
    auto* from = x_.place<float>(extent);
    for (std::size_t i = 0; i < rows; ++i) std::memcpy(from + i * stride, x.data() + i * size, size * sizeof(float));
    auto* to = options.in_place ? from : out_.place<float>(extent);
    auto* w = weight_.place<float>(size);
    std::memcpy(w, weight.data(), size * sizeof(float));
    auto* b = bias_.place<float>(size);
    std::memcpy(b, bias.data(), size * sizeof(float));
    (options.centred ? kernels().layer_norm : kernels().rms_norm)({from, to, stride, w, options.bias ? b : nullptr, rows, size, options.epsilon});
    EXPECT_TRUE(out_.intact());
    EXPECT_TRUE(x_.intact());
    std::vector<float> result;
    for (std::size_t i = 0; i < rows; ++i) {
      result.insert(result.end(), to + i * stride, to + i * stride + size);
      if (i + 1 == rows) break;
      for (std::size_t j = size; j < stride; ++j) EXPECT_TRUE(GuardedMemory::holds_pattern(to[i * stride + j]));
    }
    return result;
  }

 private:
  static constexpr std::size_t kRoom = 1U << 20;
  GuardedMemory x_{kRoom}, out_{kRoom}, weight_{kRoom}, bias_{kRoom};
};
BERTH_FOR_EVERY_TABLE(NormTest);

// The definition in double, and a bound: the mean is off by the roundings of a sum of size / lanes + lanes terms of this magnitude, the
// variance by as many, and by the square of the mean's error. RMSNorm has 0 for the mean, without any error.
void expect_norm(const float* x, const float* y, std::size_t size, const std::vector<float>& weight, const std::vector<float>& bias, bool with_bias,
                 double epsilon, std::size_t lanes, bool centred) {
  const auto n = static_cast<double>(size);
  double mean = 0.0;
  double magnitude = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    mean += double{x[i]} / n;
    magnitude += std::fabs(double{x[i]}) / n;
  }
  if (!centred) mean = magnitude = 0.0;
  double variance = 0.0;
  for (std::size_t i = 0; i < size; ++i) variance += (double{x[i]} - mean) * (double{x[i]} - mean) / n;
  const double deviation = std::sqrt(variance + epsilon);
  const double steps = static_cast<double>(size / lanes + lanes + 2);
  const double mean_error = steps * kEpsilon * magnitude;
  const double deviation_error = 0.5 * (steps + 4.0) * kEpsilon + 0.5 * mean_error * mean_error / (variance + epsilon) + 2.0 * kEpsilon;  // relative
  for (std::size_t i = 0; i < size; ++i) {
    const double normal = (double{x[i]} - mean) / deviation;
    const double offset = with_bias ? double{bias[i]} : 0.0;
    const double expected = normal * double{weight[i]} + offset;
    const double tolerance = std::fabs(double{weight[i]}) * (mean_error / deviation + std::fabs(normal) * (deviation_error + 2.0 * kEpsilon)) +
                             kEpsilon * (std::fabs(expected) + std::fabs(offset)) + 1e-30;
    ASSERT_NEAR(y[i], expected, tolerance) << "element " << i << " of " << size;
  }
}

TEST_P(NormTest, IsCloseToTheDefinitionForEverySize) {
  Random random(11);
  std::vector<std::size_t> sizes = {128, 312, 384, 768, 1023, 1024};
  for (std::size_t size = 1; size <= 70; ++size) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    const std::vector<float> weight = random.normals(size);
    const std::vector<float> bias = random.normals(size);
    for (const std::size_t rows : {1U, 3U}) {
      // Centred, far from zero, tiny and constant rows.
      for (const float centre : {0.0F, 100.0F})
        for (const float spread : {1.0F, 1e-4F, 0.0F}) {
          std::vector<float> x(rows * size);
          for (float& value : x) value = centre + random.normal(1.0F) * spread;
          for (const bool centred : {true, false}) {
            const Options options{size % 2 == 0, rows == 3, rows == 3 ? size % 5 : 0, size % 3 == 0 ? 1e-5F : 1e-12F, centred};
            const std::vector<float> y = run(x, rows, size, weight, bias, options);
            for (std::size_t i = 0; i < rows; ++i)
              ASSERT_NO_FATAL_FAILURE(
                  expect_norm(x.data() + i * size, y.data() + i * size, size, weight, bias, options.bias, options.epsilon, kernels().lanes, centred))
                  << size << ", centre " << centre << ", spread " << spread << (centred ? "" : ", RMSNorm");
          }
        }
    }
  }
}

TEST_P(NormTest, GivesTheSameBitsInPlaceAndInAnyRow) {
  Random random(12);
  for (const std::size_t size : {1U, 17U, 33U, 384U})
    for (const bool centred : {true, false}) {
      const std::vector<float> weight = random.normals(size);
      const std::vector<float> bias = random.normals(size);
      const std::vector<float> x = random.normals(5 * size);
      const std::vector<float> all = run(x, 5, size, weight, bias, {true, false, 2, 1e-12F, centred});
      EXPECT_EQ(run(x, 5, size, weight, bias, {true, true, 1, 1e-12F, centred}), all);
      for (std::size_t i = 0; i < 5; ++i) {
        const auto at = static_cast<std::ptrdiff_t>(i * size);
        const auto end = static_cast<std::ptrdiff_t>((i + 1) * size);
        EXPECT_EQ(run({x.begin() + at, x.begin() + end}, 1, size, weight, bias, {true, false, 0, 1e-12F, centred}),
                  std::vector<float>(all.begin() + at, all.begin() + end));
      }
    }
}

}  // namespace
}  // namespace berth::kernels
