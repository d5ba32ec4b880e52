// Bias, activation and residual: the epilogue is exactly the activation kernel over the plain product, plus the residual, for every remainder;
// and close to the same in double.
#include "tests/kernels/gemm_f32_support.hpp"

namespace berth::kernels {
namespace {

class GemmF32EpilogueTest : public KernelTest {
 protected:
  struct Options {
    bool bias, residual;
    Activation activation;
    std::size_t gap;  // between rows of a, residual and c
  };
  // The result, [rows, n] without gaps.
  std::vector<float> run(const Product& product, const Options& options) {
    const std::size_t lda = product.k + options.gap;
    const std::size_t ldr = product.n + 2 * options.gap;
    const std::size_t ldc = product.n + options.gap;
    auto* a = a_memory_.place<float>((product.rows - 1) * lda + product.k);
    auto* bias = bias_memory_.place<float>(product.n);
    auto* residual = residual_memory_.place<float>((product.rows - 1) * ldr + product.n);
    auto* c = c_memory_.place<float>((product.rows - 1) * ldc + product.n);
    for (std::size_t i = 0; i < product.rows; ++i) {
      std::memcpy(a + i * lda, product.a.data() + i * product.k, product.k * sizeof(float));
      std::memcpy(residual + i * ldr, product.residual.data() + i * product.n, product.n * sizeof(float));
    }
    std::memcpy(bias, product.bias.data(), product.n * sizeof(float));
    const PackedF32 packed = product.pack(kernels());
    GemmF32Args args;
    args.a = a;
    args.lda = lda;
    args.b = packed.view();
    args.panel_end = packed.panels();
    args.bias = options.bias ? bias : nullptr;
    args.residual = options.residual ? residual : nullptr;
    args.ldr = ldr;
    args.c = c;
    args.ldc = ldc;
    args.rows = product.rows;
    args.activation = options.activation;
    kernels().gemm_f32(args);
    EXPECT_TRUE(c_memory_.intact());
    std::vector<float> result;
    for (std::size_t i = 0; i < product.rows; ++i) {
      result.insert(result.end(), c + i * ldc, c + i * ldc + product.n);
      if (i + 1 == product.rows) break;
      for (std::size_t j = product.n; j < ldc; ++j) EXPECT_TRUE(GuardedMemory::holds_pattern(c[i * ldc + j]));
    }
    return result;
  }

 private:
  GuardedMemory a_memory_{1U << 20}, bias_memory_{1U << 16}, residual_memory_{1U << 20}, c_memory_{1U << 20};
};
BERTH_FOR_EVERY_TABLE(GemmF32EpilogueTest);

TEST_P(GemmF32EpilogueTest, IsTheActivationOfTheProductPlusTheResidualToTheBit) {
  Random random(3);
  for (const std::size_t n : interesting_widths(kernels()))
    for (const std::size_t rows : {std::size_t{1}, std::size_t{2}, kernels().tile_rows, kernels().tile_rows + 1}) {
      const Product product(rows, n, 11, random);
      for (const bool bias : {false, true}) {
        const std::vector<float> plain = run(product, {bias, false, Activation::none, 0});
        for (const Activation activation : kActivations) {
          std::vector<float> expected = plain;
          kernels().activate(expected.data(), expected.size(), activation);
          ASSERT_EQ(run(product, {bias, false, activation, n % 3}), expected) << name_of(activation) << ", " << rows << " x " << n;
          for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += product.residual[i];
          ASSERT_EQ(run(product, {bias, true, activation, n % 4}), expected) << name_of(activation) << " and residual, " << rows << " x " << n;
        }
      }
    }
}

// The slopes of all activations lie within [-0.2, 1.2], so the sum's error grows by no more than that.
TEST_P(GemmF32EpilogueTest, IsCloseToTheSameInDouble) {
  constexpr double kSteepest = 1.2;
  Random random(4);
  const Product product(2 * kernels().tile_rows + 1, 2 * kernels().panel_width + 5, 48, random);
  for (const Activation activation : kActivations)
    for (const bool residual : {false, true}) {
      const std::vector<float> c = run(product, {true, residual, activation, 3});
      for (std::size_t i = 0; i < product.rows; ++i)
        for (std::size_t j = 0; j < product.n; ++j) {
          const Product::Exact exact = product.exact(i, j, true);
          const double activated = exact_activation(activation, exact.value);
          const double expected = activated + (residual ? double{product.residual[i * product.n + j]} : 0.0);
          const double tolerance = kSteepest * static_cast<double>(product.k) * kEpsilon * exact.magnitude + activation_tolerance(activation, exact.value) +
                                   kEpsilon * std::fabs(expected);
          ASSERT_NEAR(c[i * product.n + j], expected, tolerance) << name_of(activation) << " at [" << i << ", " << j << "]";
        }
    }
}

}  // namespace
}  // namespace berth::kernels
