// The INT8 and BF16 products of every instruction set this CPU has: exact integer sums, BF16 within its bound, a row's bits whatever its neighbours.
#include <algorithm>
#include <cmath>

#include "kernels/packed_low.hpp"
#include "tests/kernels/math_sweep.hpp"

namespace berth::kernels {
namespace {

constexpr double kGeluLowBound = 2e-4;  // kernels/generic/math.hpp

class GemmLow : public testing::TestWithParam<LowTable> {};

std::size_t padded_rows(std::size_t rows) { return (rows + kLowRows - 1) / kLowRows * kLowRows; }

// A product of s8 matrices with the sums that plain integers give, packed as a set wants it.
struct S8Problem {
  S8Problem(const LowTable& table, std::size_t rows_, std::size_t n, std::size_t k, S8Values values, unsigned seed)
      : rows(rows_), weights(n, k), exact(rows_ * n) {
    Random random(seed);
    const std::size_t stride = weights.view().k_padded;
    a.assign(padded_rows(rows) * stride, 99);  // rows beyond the last may hold anything
    std::vector<std::int8_t> w(n * k);
    for (auto& x : w) x = s8_value(values, random);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t p = 0; p < stride; ++p) a[i * stride + p] = p < k ? s8_value(values, random) : std::int8_t{0};
    scales.assign(rows, 1.0F);
    set_weights(table, w);
  }
  void set_weights(const LowTable& table, const std::vector<std::int8_t>& w) {
    const std::size_t n = weights.n(), k = weights.k(), stride = weights.view().k_padded;
    weights = PackedS8(n, k);
    for (std::size_t j = 0; j < n; ++j) weights.set_row(j, w.data() + j * k, 1.0F);
    if (table.low->bounded_pairs) weights.bound_pairs(base::ThreadPool(1));
    std::fill(exact.begin(), exact.end(), 0);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t p = 0; p < k; ++p) exact[i * n + j] += int{a[i * stride + p]} * int{w[j * k + p]};
  }
  GemmS8Args args(float* c) const {
    GemmS8Args args;
    args.a = a.data();
    args.lda = weights.view().k_padded;
    args.a_scales = scales.data();
    args.b = weights.view();
    args.panel_end = panel_count(weights.n(), kLowPanelWidth);
    args.c = c;
    args.ldc = weights.n();
    args.rows = rows;
    return args;
  }
  std::size_t rows;
  PackedS8 weights;
  std::vector<std::int8_t> a;
  std::vector<float> scales;
  std::vector<std::int32_t> exact;
};

// With all scales 1 the result is the sum itself, converted to FP32 by one rounding: equal on every set, whatever its way to multiply.
void expect_exact(const LowTable& table, const S8Problem& problem) {
  GuardedMemory memory(problem.exact.size() * sizeof(float));
  float* c = memory.place<float>(problem.exact.size());
  table.low->gemm_s8(problem.args(c));
  for (std::size_t i = 0; i < problem.exact.size(); ++i)
    ASSERT_EQ(c[i], static_cast<float>(problem.exact[i]))
        << "element " << i << " of " << problem.rows << " x " << problem.weights.n() << ", k " << problem.weights.k();
  EXPECT_TRUE(memory.intact());
}

TEST_P(GemmLow, S8SumsAreExact) {
  for (const S8Values values : {S8Values::uniform, S8Values::normal})
    for (const std::size_t rows : {1, 2, 3, 4, 5, 6, 7, 9, 10, 15, 16, 17, 18, 31, 32, 33, 40, 65})
      for (const std::size_t n : {1, 15, 16, 17, 33, 48, 50, 80})
        for (const std::size_t k : {1, 3, 4, 63, 64, 65, 130}) expect_exact(GetParam(), S8Problem(GetParam(), rows, n, k, values, 1));
}

// More outputs than a tile takes, and k in more than one stretch of what sets stage.
TEST_P(GemmLow, S8SumsOfManyPanelsAreExact) {
  for (const S8Values values : {S8Values::uniform, S8Values::normal})
    for (const std::size_t rows : {1, 9, 33})
      for (const std::size_t n : {97, 193, 210})
        for (const std::size_t k : {65, 513, 1024, 1025, 1100}) expect_exact(GetParam(), S8Problem(GetParam(), rows, n, k, values, 2));
}

TEST_P(GemmLow, S8ExtremesDoNotSaturate) {
  for (const std::size_t k : {64, 1024, 3072})
    for (const S8Values values : {S8Values::uniform, S8Values::extreme}) expect_exact(GetParam(), S8Problem(GetParam(), 35, 49, k, values, 7));
  // All products of one sign: the largest sums there are.
  S8Problem problem(GetParam(), 18, 33, 4096, S8Values::extreme, 1);
  std::fill(problem.a.begin(), problem.a.end(), std::int8_t{127});
  problem.set_weights(GetParam(), std::vector<std::int8_t>(33 * 4096, 127));
  expect_exact(GetParam(), problem);
}

// Groups of weights around the bound, some of which no order brings within it, times the largest activations of either sign.
TEST_P(GemmLow, S8PairsAtTheirBoundDoNotSaturate) {
  struct Groups {
    std::int8_t of[3][4];  // an output each
    bool excess;
  };
  const Groups all[] = {{{{64, 64, 64, 64}, {-64, -64, -64, -64}, {64, -64, 64, -64}}, false},
                        {{{65, 64, 65, 64}, {64, 64, 64, 64}, {0, 0, 0, 0}}, false},
                        {{{127, 1, 127, 1}, {-127, -1, -127, -1}, {1, 127, 1, 127}}, false},
                        {{{127, 127, 127, 127}, {127, -127, 127, -127}, {127, 127, -127, -127}}, true},
                        {{{-127, -127, -127, -127}, {-127, 127, -127, 127}, {-127, -127, 127, 127}}, true},
                        {{{65, 65, 65, 65}, {65, -64, 65, -64}, {65, 64, -65, -64}}, true}};
  constexpr std::size_t kOut = 35, kIn = 132;
  for (const auto& [even, odd] : {std::pair{127, 127}, {-127, -127}, {127, -127}, {-127, 127}})
    for (const Groups& groups : all) {
      S8Problem problem(GetParam(), 17, kOut, kIn, S8Values::extreme, 3);
      for (std::size_t i = 0; i < problem.rows; ++i)
        for (std::size_t p = 0; p < kIn; ++p) problem.a[i * problem.weights.view().k_padded + p] = static_cast<std::int8_t>(p % 2 == 0 ? even : odd);
      std::vector<std::int8_t> w(kOut * kIn);
      for (std::size_t j = 0; j < kOut; ++j)
        for (std::size_t p = 0; p < kIn; ++p) w[j * kIn + p] = p / 4 % 5 == 0 ? groups.of[j % 3][p % 4] : std::int8_t{1};
      problem.set_weights(GetParam(), w);
      const S8BoundedView bounded = problem.weights.view().bounded;
      ASSERT_EQ(bounded.places != nullptr, GetParam().low->bounded_pairs);
      if (GetParam().low->bounded_pairs) {
        EXPECT_EQ(bounded.excess_first[panel_count(kOut, kLowPanelWidth)] > 0, groups.excess);
      }
      expect_exact(GetParam(), problem);
    }
}

TEST_P(GemmLow, S8EpilogueScalesAddsAndActivates) {
  for (const Activation activation : kActivations) {
    S8Problem problem(GetParam(), 19, 37, 100, S8Values::normal, 3);
    Random random(5);
    std::vector<float> bias = random.normals(37);
    std::vector<float> residual = random.normals(19 * 40);
    for (float& s : problem.scales) s = random.uniform(1e-4F, 2e-4F);
    const std::vector<float> exact_scales = problem.scales;
    std::vector<float> c(19 * 37);
    GemmS8Args args = problem.args(c.data());
    args.bias = bias.data();
    args.residual = residual.data();
    args.ldr = 40;
    args.activation = activation;
    GetParam().low->gemm_s8(args);
    for (std::size_t i = 0; i < 19; ++i)
      for (std::size_t j = 0; j < 37; ++j) {
        const double sum = double{exact_scales[i]} * problem.exact[i * 37 + j];
        const double expected = exact_activation(activation, sum + double{bias[j]}) + double{residual[i * 40 + j]};
        const double tolerance = 8 * kEpsilon * (std::abs(sum) + std::abs(double{bias[j]}) + std::abs(double{residual[i * 40 + j]})) +
                                 2 * activation_tolerance(activation, sum + double{bias[j]}) + (activation == Activation::gelu ? kGeluLowBound : 0.0);
        ASSERT_NEAR(double{c[i * 37 + j]}, expected, tolerance) << name_of(activation) << " at " << i << ", " << j;
      }
  }
}

// With activations of zero the result is that of the bias: gelu_low over floats, by every set's own epilogue.
TEST_P(GemmLow, GeluIsWithinItsBound) {
  constexpr std::size_t kOutputs = 4096;
  PackedS8 weights(kOutputs, 1);
  const std::vector<std::int8_t> zeros(kLowRows * weights.view().k_padded, 0);
  const float scale = 1.0F;
  std::vector<float> got(kOutputs);
  Worst worst;
  for (const float sign : {1.0F, -1.0F}) {
    for_floats(1e-30F * sign, 1e30F * sign, 4099, [&](std::span<const float> x) {
      std::vector<float> bias(x.begin(), x.end());
      bias.resize(kOutputs);
      GemmS8Args args;
      args.a = zeros.data();
      args.lda = weights.view().k_padded;
      args.a_scales = &scale;
      args.b = weights.view();
      args.panel_end = panel_count(kOutputs, kLowPanelWidth);
      args.bias = bias.data();
      args.c = got.data();
      args.ldc = kOutputs;
      args.rows = 1;
      args.activation = Activation::gelu;
      GetParam().low->gemm_s8(args);
      for (std::size_t i = 0; i < x.size(); ++i)
        worst.update(std::abs(double{got[i]} - exact_activation(Activation::gelu, x[i])), kGeluLowBound + kEpsilon * std::abs(double{x[i]}), x[i]);
    });
  }
  expect_within(worst, "gelu_low");
}

// BF16 results are the FP32 ones rounded, with zeros from n up to whole cache lines; shapes that take every way through the epilogue.
TEST_P(GemmLow, Bf16ResultsAreRounded) {
  for (const Activation activation : {Activation::none, Activation::gelu, Activation::relu})
    for (const std::size_t n : {5, 16, 32, 50, 96, 130})
      for (const std::size_t k : {64, 384, 1024})
        for (const std::size_t rows : {1, 16, 17, 33, 70}) {
          S8Problem problem(GetParam(), rows, n, k, S8Values::normal, static_cast<unsigned>(n + k + rows));
          Random random(9);
          for (float& s : problem.scales) s = random.uniform(1e-4F, 2e-4F);
          const std::vector<float> bias = random.normals(n);
          std::vector<float> c(rows * n);
          GemmS8Args args = problem.args(c.data());
          args.bias = n == 96 ? nullptr : bias.data();
          args.activation = activation;
          GetParam().low->gemm_s8(args);
          const std::size_t padded = (n + 31) / 32 * 32;
          GuardedMemory memory(rows * (padded + 1) * sizeof(std::uint16_t));
          auto* low = memory.place<std::uint16_t>(rows * (padded + 1));
          std::fill(low, low + rows * (padded + 1), std::uint16_t{0x7777});
          args.c = low;
          args.c_is_bf16 = true;
          args.ldc = padded + 1;
          GetParam().low->gemm_s8(args);
          std::vector<std::uint16_t> expected(padded);
          for (std::size_t i = 0; i < rows; ++i) {
            GetParam().kernels->round_rows(c.data() + i * n, n, 1, n, expected.data(), padded);
            ASSERT_EQ(std::memcmp(low + i * (padded + 1), expected.data(), padded * sizeof(std::uint16_t)), 0)
                << i << " of " << rows << ", n " << n << ", k " << k;
            ASSERT_EQ(low[i * (padded + 1) + padded], 0x7777);
          }
          EXPECT_TRUE(memory.intact());
        }
}

// A panel range and a row range at a time give the same bits as everything at once.
template <class Args, class Gemm>
void expect_same_in_parts(const Args& whole, Gemm gemm) {
  const std::size_t n = whole.b.n;
  std::vector<float> expected(whole.rows * n);
  Args args = whole;
  args.c = expected.data();
  gemm(args);
  for (const std::size_t rows : {1, 2, 5, 16, 20}) {
    for (const std::size_t panels : {1, 2, 3}) {
      std::vector<float> parts(whole.rows * n, -1.0F);
      for (std::size_t first = 0; first < whole.rows; first += rows) {
        for (std::size_t panel = 0; panel < whole.panel_end; panel += panels) {
          Args part = whole;
          part.a = whole.a + first * whole.lda;
          if constexpr (requires { part.a_scales; }) part.a_scales = whole.a_scales + first;
          part.rows = std::min(rows, whole.rows - first);
          part.panel_begin = panel;
          part.panel_end = std::min(panel + panels, whole.panel_end);
          part.c = parts.data() + first * n;
          part.next = expected.data();  // what is fetched changes no result
          part.next_bytes = panel * 100;
          gemm(part);
        }
      }
      EXPECT_EQ(std::memcmp(parts.data(), expected.data(), expected.size() * sizeof(float)), 0) << rows << " rows and " << panels << " panels at a time";
    }
  }
}

TEST_P(GemmLow, S8BitsDoNotDependOnNeighbours) {
  for (const S8Values values : {S8Values::uniform, S8Values::normal}) {
    S8Problem problem(GetParam(), 45, 100, 130, values, 11);
    problem.a.resize(problem.a.size() + 32 * problem.weights.view().k_padded, 1);  // readable beyond any part's rows
    Random random(2);
    for (float& s : problem.scales) s = random.uniform(0.01F, 1.0F);
    expect_same_in_parts(problem.args(nullptr), GetParam().low->gemm_s8);
    const std::vector<float> bias = random.normals(100);  // with one, blocks are finished in pairs of rows; 45 leaves a tile of 13
    GemmS8Args args = problem.args(nullptr);
    args.bias = bias.data();
    expect_same_in_parts(args, GetParam().low->gemm_s8);
  }
}

TEST_P(GemmLow, Bf16WithinItsBound) {
  if (GetParam().low->gemm_bf16 == nullptr) GTEST_SKIP() << "no BF16 products on this set";
  for (const std::size_t rows : {1, 5, 16, 17, 33})
    for (const std::size_t n : {1, 16, 50})
      for (const std::size_t k : {1, 2, 31, 64, 100, 768}) {
        Random random(static_cast<unsigned>(rows * 100 + n));
        PackedBf16 weights(n, k);
        const std::size_t stride = weights.view().k_padded;
        std::vector<std::uint16_t> a(padded_rows(rows) * stride, 0x4321);
        std::vector<std::uint16_t> w(n * stride);
        GetParam().kernels->round_rows(random.normals(rows * k).data(), k, rows, k, a.data(), stride);
        GetParam().kernels->round_rows(random.normals(n * k).data(), k, n, k, w.data(), stride);
        for (std::size_t j = 0; j < n; ++j) weights.set_row(j, w.data() + j * stride);
        GuardedMemory memory(rows * n * sizeof(float));
        float* c = memory.place<float>(rows * n);
        GemmBf16Args args;
        args.a = a.data();
        args.lda = stride;
        args.b = weights.view();
        args.panel_end = panel_count(n, kLowPanelWidth);
        args.c = c;
        args.ldc = n;
        args.rows = rows;
        GetParam().low->gemm_bf16(args);
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double sum = 0.0;
            double magnitude = 0.0;
            for (std::size_t p = 0; p < k; ++p) {
              const double product = double{widen(a[i * stride + p])} * double{widen(w[j * stride + p])};
              sum += product;
              magnitude += std::abs(product);
            }
            ASSERT_NEAR(double{c[i * n + j]}, sum, static_cast<double>(k + 2) * kEpsilon * magnitude) << i << ", " << j << ", k " << k;
          }
        EXPECT_TRUE(memory.intact());
        if (k == 100) {
          a.resize(a.size() + 32 * stride, 1);
          args.a = a.data();
          expect_same_in_parts(args, GetParam().low->gemm_bf16);
        }
      }
}

INSTANTIATE_TEST_SUITE_P(Isa, GemmLow, testing::ValuesIn(low_tables()), [](const auto& table) { return table.param.name; });

class RowRounding : public KernelTest {};
BERTH_FOR_EVERY_TABLE(RowRounding);

TEST_P(RowRounding, ToS8) {
  for (const std::size_t size : {1, 5, 16, 63, 64, 65, 200}) {
    const std::size_t padded = (size + 63) / 64 * 64;
    Random random(static_cast<unsigned>(size));
    std::vector<float> x = random.normals(3 * (size + 2), 3.0F);
    for (std::size_t i = 0; i < size; ++i) x[size + 2 + i] = 0.0F;  // the second row is zeros
    GuardedMemory memory(3 * padded);
    auto* q = memory.place<std::int8_t>(3 * padded);
    float scales[3];
    kernels().quantize_rows(x.data(), size + 2, 3, size, nullptr, q, padded, scales);
    for (std::size_t row = 0; row < 3; ++row) {
      float largest = 0.0F;
      for (std::size_t i = 0; i < size; ++i) largest = std::max(largest, std::abs(x[row * (size + 2) + i]));
      EXPECT_FLOAT_EQ(scales[row], largest / 127.0F);
      for (std::size_t i = 0; i < padded; ++i) {
        const double exact = i < size && largest > 0.0F ? double{x[row * (size + 2) + i]} / double{largest} * 127.0 : 0.0;
        ASSERT_LE(std::abs(q[row * padded + i] - exact), 0.50002) << row << ", " << i;
      }
    }
    EXPECT_TRUE(memory.intact());
  }
}

// From BF16 it is what it is from the same numbers in FP32.
TEST_P(RowRounding, Bf16ToS8) {
  for (const std::size_t size : {1, 15, 16, 64, 65, 200}) {
    const std::size_t padded = (size + 63) / 64 * 64;
    Random random(static_cast<unsigned>(size));
    const std::vector<float> x = random.normals(3 * size, 3.0F);
    std::vector<std::uint16_t> low(3 * padded);
    kernels().round_rows(x.data(), size, 3, size, low.data(), padded);
    std::vector<float> wide(3 * padded);
    for (std::size_t i = 0; i < low.size(); ++i) wide[i] = widen(low[i]);
    std::vector<std::int8_t> expected(3 * padded);
    std::vector<float> expected_scales(3);
    kernels().quantize_rows(wide.data(), padded, 3, size, nullptr, expected.data(), padded, expected_scales.data());
    std::vector<std::int8_t> q(3 * padded, 1);
    std::vector<float> scales(3);
    kernels().quantize_bf16_rows(low.data(), padded, 3, size, q.data(), padded, scales.data());
    EXPECT_EQ(q, expected);
    EXPECT_EQ(scales, expected_scales);
  }
}

// Factors take the place of a multiplication beforehand, to the bit.
TEST_P(RowRounding, FactorsMultiplyTheColumnsFirst) {
  for (const std::size_t size : {1, 16, 63, 65, 200}) {
    const std::size_t padded = (size + 63) / 64 * 64;
    Random random(static_cast<unsigned>(size));
    const std::vector<float> x = random.normals(2 * size, 3.0F);
    std::vector<float> factors(size, 1.0F);
    for (std::size_t i = 0; i < size; i += 3) factors[i] = 1.0F / 32.0F;
    std::vector<float> multiplied = x;
    for (std::size_t i = 0; i < multiplied.size(); ++i) multiplied[i] *= factors[i % size];
    std::vector<std::int8_t> expected(2 * padded);
    std::vector<std::int8_t> q(2 * padded);
    float expected_scales[2];
    float scales[2];
    kernels().quantize_rows(multiplied.data(), size, 2, size, nullptr, expected.data(), padded, expected_scales);
    kernels().quantize_rows(x.data(), size, 2, size, factors.data(), q.data(), padded, scales);
    EXPECT_EQ(q, expected) << size;
    EXPECT_EQ(scales[0], expected_scales[0]);
    EXPECT_EQ(scales[1], expected_scales[1]);
  }
}

TEST_P(RowRounding, NonFiniteRowsGetANanScale) {
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    for (std::size_t at = 0; at < 70; ++at) {
      std::vector<float> x(70, 1.0F);
      x[at] = bad;
      std::int8_t q[128];
      float scale = 0.0F;
      kernels().quantize_rows(x.data(), 70, 1, 70, nullptr, q, 128, &scale);
      EXPECT_TRUE(std::isnan(scale)) << bad << " at " << at;
    }
  }
}

TEST_P(RowRounding, ToBf16) {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < 0x100000000ULL; bits += 4999) x.push_back(float_of(static_cast<std::uint32_t>(bits)));
  for (const std::uint32_t bits : {0x3f808000U, 0x3f818000U, 0x7f7fffffU, 0x7f800000U, 0xff800000U, 0x7f800001U, 0x7fffffffU, 0x00000001U, 0x80000000U})
    x.push_back(float_of(bits));
  std::vector<std::uint16_t> out((x.size() + 31) / 32 * 32);
  kernels().round_rows(x.data(), x.size(), 1, x.size(), out.data(), out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float from = i < x.size() ? x[i] : 0.0F;
    const std::uint32_t bits = bits_of(from);
    const float got = widen(out[i]);
    if (std::isnan(from)) {
      ASSERT_TRUE(std::isnan(got)) << std::hex << bits;
      continue;
    }
    // The nearer neighbour, the even one when both are as near; carries run into the exponent and into infinity by themselves.
    const std::uint32_t below = bits >> 16;
    const std::uint32_t rest = bits & 0xffffU;
    const std::uint32_t expected = below + (rest > 0x8000U || (rest == 0x8000U && below % 2 == 1) ? 1U : 0U);
    ASSERT_EQ(out[i], static_cast<std::uint16_t>(expected)) << std::hex << bits;
  }
}

TEST(QuantizeWeights, IsSymmetricAndRoundsToNearest) {
  const std::vector<float> x = {-2.0F, 1.0F, 0.5F, 0.0F, 2.0F};
  std::int8_t q[5];
  EXPECT_FLOAT_EQ(quantize_weights(x.data(), x.size(), q), 2.0F / 127.0F);
  const std::int8_t expected[5] = {-127, 64, 32, 0, 127};
  EXPECT_EQ(std::memcmp(q, expected, sizeof(q)), 0);
  const std::vector<float> zeros(5, 0.0F);
  EXPECT_EQ(quantize_weights(zeros.data(), zeros.size(), q), 0.0F);
  const std::vector<float> tiny(5, 1e-44F);
  quantize_weights(tiny.data(), tiny.size(), q);
  for (const std::int8_t value : q) EXPECT_LE(value, 127);
}

}  // namespace
}  // namespace berth::kernels
