// FP32 products made of BF16 tiles (LowKernelTable::gemm_f32): as exact as a chain of FP32 multiply-adds, the same bits for a row whatever its
// neighbours, and the epilogue of the other FP32 product.
#include <algorithm>
#include <cmath>

#include "base/aligned_buffer.hpp"
#include "tests/kernels/gemm_f32_support.hpp"

namespace berth::kernels {
namespace {

class GemmF32TilesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const IsaStatus& status : isa_statuses()) {
      if (!status.usable || low_kernel_table(status.isa).gemm_f32 == nullptr) continue;
      kernels_ = &kernel_table(status.isa);
      low_ = &low_kernel_table(status.isa);
    }
    if (low_ == nullptr) GTEST_SKIP() << "no instruction set of this CPU has such products";
  }

  struct Run {
    std::size_t first = 0;
    std::size_t rows = 0;  // 0: all
    std::size_t panel_begin = 0;
    std::size_t panel_end = static_cast<std::size_t>(-1);
    std::size_t gap = 0;  // between rows of a, residual and c
    bool bias = true;
    bool residual = false;
    Activation activation = Activation::none;
  };
  // [rows, n] without gaps; outputs of panels that were not asked for are 0, after a check that nothing wrote to them.
  std::vector<float> run(const Product& product, const PackedF32& packed, Run run) {
    const std::size_t n = packed.n();
    if (run.rows == 0) run.rows = product.rows - run.first;
    run.panel_end = std::min(run.panel_end, packed.panels());
    const std::size_t lda = product.k + run.gap;
    const std::size_t ldc = n + run.gap;
    auto* a = a_memory_.place<float>((run.rows - 1) * lda + product.k);
    auto* bias = bias_memory_.place<float>(n);
    auto* residual = residual_memory_.place<float>((run.rows - 1) * ldc + n);
    auto* c = c_memory_.place<float>((run.rows - 1) * ldc + n);
    for (std::size_t i = 0; i < run.rows; ++i) {
      std::memcpy(a + i * lda, product.a.data() + (run.first + i) * product.k, product.k * sizeof(float));
      std::memcpy(residual + i * ldc, product.residual.data() + (run.first + i) * product.n, n * sizeof(float));
    }
    std::memcpy(bias, product.bias.data(), n * sizeof(float));
    base::AlignedBuffer<float> scratch(low_->gemm_f32_scratch(run.rows, product.k));
    std::fill(scratch.data(), scratch.data() + scratch.size(), kNaN);  // what another product left there
    GemmF32Args args;
    args.a = a;
    args.lda = lda;
    args.b = packed.view();
    args.panel_begin = run.panel_begin;
    args.panel_end = run.panel_end;
    args.bias = run.bias ? bias : nullptr;
    args.residual = run.residual ? residual : nullptr;
    args.ldr = ldc;
    args.c = c;
    args.ldc = ldc;
    args.rows = run.rows;
    args.activation = run.activation;
    args.scratch = scratch.data();
    low_->gemm_f32(args);
    EXPECT_TRUE(c_memory_.intact());
    std::vector<float> result(run.rows * n);
    const std::size_t begin = run.panel_begin * kernels_->panel_width;
    const std::size_t end = std::min(n, run.panel_end * kernels_->panel_width);
    for (std::size_t i = 0; i < run.rows; ++i)
      for (std::size_t j = 0; j < (i + 1 < run.rows ? ldc : n); ++j) {
        if (j >= begin && j < end) {
          result[i * n + j] = c[i * ldc + j];
        } else if (!GuardedMemory::holds_pattern(c[i * ldc + j])) {
          ADD_FAILURE() << "[" << i << ", " << j << "] was written, n " << n << ", k " << product.k;
        }
      }
    return result;
  }

  const KernelTable* kernels_ = nullptr;
  const LowKernelTable* low_ = nullptr;

 private:
  GuardedMemory a_memory_{1U << 21}, bias_memory_{1U << 16}, residual_memory_{1U << 20}, c_memory_{1U << 20};
};

// Six products of BF16 for each step of k go into FP32 sums, so 6 k roundings of half an epsilon of the magnitude at most; what is left out of a
// product is below an epsilon of it.
TEST_F(GemmF32TilesTest, IsCloseToTheProductInDoubleAtEveryRemainder) {
  Random random(30);
  for (const std::size_t k : {1U, 2U, 3U, 31U, 32U, 33U, 65U, 767U, 768U, 801U, 1600U})
    for (const std::size_t n : {1U, 15U, 16U, 17U, 47U, 48U, 49U, 64U, 80U, 97U, 113U, 144U})
      for (const std::size_t rows : {1U, 15U, 16U, 17U, 33U, 49U}) {
        if (k > 100 && (n % 16 + rows) % 3 != 0) continue;
        const Product product(rows, n, k, random);
        const std::vector<float> c = run(product, product.pack(*kernels_), {.gap = k % 3});
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            const Product::Exact exact = product.exact(i, j, true);
            ASSERT_NEAR(c[i * n + j], exact.value, (3.0 * static_cast<double>(k) + 2.0) * kEpsilon * exact.magnitude)
                << "[" << i << ", " << j << "] of " << rows << " x " << n << ", k " << k;
          }
      }
}

TEST_F(GemmF32TilesTest, IsNoFurtherFromTheProductInDoubleThanAChainOfMultiplyAdds) {
  Random random(31);
  for (const std::size_t k : {384U, 768U, 3072U}) {
    const Product product(20, 64, k, random);
    const std::vector<float> c = run(product, product.pack(*kernels_), {});
    double error = 0.0;
    double chain_error = 0.0;
    for (std::size_t i = 0; i < product.rows; ++i)
      for (std::size_t j = 0; j < product.n; ++j) {
        const double exact = product.exact(i, j, true).value;
        error += std::pow(c[i * product.n + j] - exact, 2);
        chain_error += std::pow(product.chain(i, j, true, true) - exact, 2);
      }
    EXPECT_LE(error, chain_error) << "k " << k;
  }
}

// All 24 bits of either factor take part: a power of two times a float is exact, and so is a sum of integers below 2^24.
TEST_F(GemmF32TilesTest, LosesNoBitOfAFactor) {
  Random random(32);
  Product product(33, 50, 40, random);
  std::fill(product.bias.begin(), product.bias.end(), 0.0F);
  for (const bool in_a : {true, false}) {
    std::vector<float>& full = in_a ? product.a : product.b;
    std::vector<float>& powers = in_a ? product.b : product.a;
    for (float& x : full) x = static_cast<float>((1U << 23) + 2 * random.index(1U << 22) + 1) * (random.index(2) == 0 ? 1.0F : -1.0F);
    std::fill(powers.begin(), powers.end(), 0.0F);
    const std::size_t count = in_a ? product.n : product.rows;
    for (std::size_t i = 0; i < count; ++i) powers[i * product.k + i * 7 % product.k] = std::ldexp(1.0F, static_cast<int>(i % 5) - 2);
    const std::vector<float> c = run(product, product.pack(*kernels_), {});
    for (std::size_t i = 0; i < product.rows; ++i)
      for (std::size_t j = 0; j < product.n; ++j) ASSERT_EQ(double{c[i * product.n + j]}, product.exact(i, j, true).value) << i << ", " << j;
  }
}

TEST_F(GemmF32TilesTest, GivesARowTheSameBitsWhereverItStandsAndHoweverThePanelsAreSplit) {
  Random random(33);
  for (const std::size_t n : {240U, 225U, 200U})
    for (const std::size_t k : {70U, 1000U}) {
      const Product product(197, n, k, random);
      const PackedF32 packed = product.pack(*kernels_);
      const std::vector<float> expected = run(product, packed, {});
      const auto expect_same = [&](const Run& part) {
        const std::vector<float> c = run(product, packed, part);
        const std::size_t begin = part.panel_begin * kernels_->panel_width;
        const std::size_t end = std::min(n, std::min(part.panel_end, packed.panels()) * kernels_->panel_width);
        for (std::size_t i = 0; i < c.size() / n; ++i)
          ASSERT_EQ(std::memcmp(c.data() + i * n + begin, expected.data() + (part.first + i) * n + begin, (end - begin) * sizeof(float)), 0)
              << "row " << i << " of " << part.rows << " from " << part.first << ", panels " << part.panel_begin << " to " << part.panel_end;
      };
      for (std::size_t rows = 1; rows <= 70; rows += k > 100 ? 5 : 1) ASSERT_NO_FATAL_FAILURE(expect_same({.first = rows % 11, .rows = rows, .gap = 3}));
      for (std::size_t begin = 0; begin < packed.panels(); ++begin)
        for (std::size_t end = begin + 1; end <= packed.panels(); ++end)
          for (const std::size_t rows : {1U, 16U, 20U, 40U})
            ASSERT_NO_FATAL_FAILURE(expect_same({.first = 5, .rows = rows, .panel_begin = begin, .panel_end = end, .gap = 1}));
    }
}

TEST_F(GemmF32TilesTest, EpilogueIsTheActivationOfTheProductPlusTheResidualToTheBit) {
  Random random(34);
  for (const std::size_t n : {48U, 50U, 79U})
    for (const std::size_t rows : {1U, 7U, 16U, 19U, 35U})
      for (const std::size_t k : {11U, 800U}) {
        const Product product(rows, n, k, random);
        const PackedF32 packed = product.pack(*kernels_);
        for (const bool bias : {false, true}) {
          const std::vector<float> plain = run(product, packed, {.bias = bias});
          for (const Activation activation : kActivations) {
            std::vector<float> expected = plain;
            kernels_->activate(expected.data(), expected.size(), activation);
            ASSERT_EQ(run(product, packed, {.gap = n % 3, .bias = bias, .activation = activation}), expected) << name_of(activation) << rows << " x " << n;
            for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += product.residual[i];
            ASSERT_EQ(run(product, packed, {.gap = 5, .bias = bias, .residual = true, .activation = activation}), expected)
                << name_of(activation) << " and residual, " << rows << " x " << n;
          }
        }
      }
}

TEST_F(GemmF32TilesTest, KeepsABadInputInItsRowAndABadWeightInItsColumn) {
  Random random(35);
  constexpr std::size_t kRows = 40;
  constexpr std::size_t kN = 51;
  constexpr std::size_t kK = 45;
  const Product good(kRows, kN, kK, random);
  for (const float bad : {kNaN, kInfinity, -kInfinity})
    for (std::size_t l = 0; l < kK; ++l) {
      Product product = good;
      product.a[l % kRows * kK + l] = bad;
      std::vector<float> c = run(product, product.pack(*kernels_), {});
      for (std::size_t i = 0; i < c.size(); ++i) ASSERT_EQ(std::isfinite(c[i]), i / kN != l % kRows) << i;
      product = good;
      product.b[l * 31 % kN * kK + l] = bad;
      c = run(product, product.pack(*kernels_), {});
      for (std::size_t i = 0; i < c.size(); ++i) ASSERT_EQ(std::isfinite(c[i]), i % kN != l * 31 % kN) << i;
    }
}

TEST_F(GemmF32TilesTest, GivesNothingForNoRowsOrNoPanels) {
  Random random(36);
  const Product product(1, 8, 8, random);
  const PackedF32 packed = product.pack(*kernels_);
  std::vector<float> c(8, 5.0F);
  base::AlignedBuffer<float> scratch(low_->gemm_f32_scratch(1, 8));
  GemmF32Args args;
  args.a = product.a.data();
  args.lda = 8;
  args.b = packed.view();
  args.c = c.data();
  args.ldc = 8;
  args.scratch = scratch.data();
  args.panel_end = packed.panels();
  low_->gemm_f32(args);
  args.rows = 1;
  args.panel_end = 0;
  low_->gemm_f32(args);
  EXPECT_EQ(c, std::vector<float>(8, 5.0F));
}

}  // namespace
}  // namespace berth::kernels
