// Attention with BF16 products against double precision, on the sets that have it.
#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

std::vector<LowTable> bf16_tables() {
  std::vector<LowTable> tables = low_tables();
  std::erase_if(tables, [](const LowTable& table) { return table.low->attention_bf16 == nullptr; });
  return tables;
}

class AttentionBf16 : public testing::TestWithParam<LowTable> {
 protected:
  // out [tokens, head_size] of queries, keys and values side by side in `qkv` [tokens, 3 head_size + 5].
  std::vector<float> run(const std::vector<float>& qkv, std::size_t tokens, std::size_t head_size, float scale) const {
    const std::size_t stride = 3 * head_size + 5;
    GuardedMemory scratch(4 * GetParam().low->attention_bf16_scratch(tokens, head_size) + 64);
    GuardedMemory output(4 * tokens * head_size);
    AttentionArgs args;
    args.q = qkv.data();
    args.k = qkv.data() + head_size;
    args.v = qkv.data() + 2 * head_size;
    args.stride = stride;
    args.out = output.place<float>(tokens * head_size);
    args.out_stride = head_size;
    args.tokens = tokens;
    args.head_size = head_size;
    args.scale = scale;
    args.scratch = scratch.place<float>(GetParam().low->attention_bf16_scratch(tokens, head_size), 64);
    GetParam().low->attention_bf16(args);
    EXPECT_TRUE(scratch.intact());
    EXPECT_TRUE(output.intact());
    return {args.out, args.out + tokens * head_size};
  }
};

// |got - exact| <= tolerance * the sum of |weight * value|, for every `step`th of the first `queries` queries.
void expect_near_exact(const std::vector<float>& got, const std::vector<float>& qkv, std::size_t tokens, std::size_t head_size, float scale, double tolerance,
                       std::size_t queries, std::size_t step = 1) {
  const std::size_t stride = 3 * head_size + 5;
  for (std::size_t i = 0; i < queries; i += step) {
    std::vector<double> weight(tokens);
    double largest = -1e300;
    for (std::size_t j = 0; j < tokens; ++j) {
      double score = 0.0;
      for (std::size_t d = 0; d < head_size; ++d) score += double{qkv[i * stride + d]} * double{qkv[j * stride + head_size + d]};
      weight[j] = score * double{scale};
      largest = std::max(largest, weight[j]);
    }
    double sum = 0.0;
    for (double& w : weight) sum += w = std::exp(w - largest);
    for (std::size_t d = 0; d < head_size; ++d) {
      double exact = 0.0;
      double magnitude = 0.0;
      for (std::size_t j = 0; j < tokens; ++j) {
        const double term = weight[j] / sum * double{qkv[j * stride + 2 * head_size + d]};
        exact += term;
        magnitude += std::abs(term);
      }
      ASSERT_NEAR(double{got[i * head_size + d]}, exact, tolerance * magnitude + 1e-6)
          << "tokens " << tokens << ", head " << head_size << ", " << i << ", " << d;
    }
  }
}

// A product of two roundings to BF16 (2^-9 each) is off by 2^-8; scores add up head_size of them at random, the softmax turns an error of a score into the
// same relative error of a weight, and values and weights are rounded once more.
constexpr double kTolerance = 6.0 / 256.0;

TEST_P(AttentionBf16, NearTheExactResult) {
  for (const std::size_t tokens : {1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 64, 70, 129, 300})
    for (const std::size_t head_size : {1, 6, 8, 16, 24, 32, 33, 64, 80, 128, 260}) {
      Random random(static_cast<unsigned>(tokens * 1000 + head_size));
      const std::size_t stride = 3 * head_size + 5;
      std::vector<float> qkv = random.normals(tokens * stride);
      const float scale = 1.0F / std::sqrt(static_cast<float>(head_size));
      const std::size_t step = tokens > 70 ? 37 : 1;
      expect_near_exact(run(qkv, tokens, head_size, scale), qkv, tokens, head_size, scale, kTolerance, tokens, step);
      // One long query, and the scores are no longer known to be small: the others' results come another way.
      for (std::size_t d = 0; d < head_size; ++d) qkv[(tokens - 1) * stride + d] *= 1000.0F;
      expect_near_exact(run(qkv, tokens, head_size, scale), qkv, tokens, head_size, scale, kTolerance, tokens - 1, step);
    }
}

// Exponents to the base of 2 from -e to e, below and above what is taken for small. All products are exact, so what is left is the rounding of
// weights and values (2^-9 each) and the exponential (1.1e-4).
TEST_P(AttentionBf16, ScoresOfAnySize) {
  const std::size_t tokens = 97;
  const std::size_t head_size = 32;
  const std::size_t stride = 3 * head_size + 5;
  for (const float exponent : {1.0F, 20.0F, 59.0F, 61.0F, 200.0F, 2000.0F}) {
    Random random(static_cast<unsigned>(exponent));
    std::vector<float> qkv = random.normals(tokens * stride);
    for (std::size_t i = 0; i < tokens; ++i)
      for (std::size_t d = 0; d < head_size; ++d) {
        qkv[i * stride + d] = d == 0 ? static_cast<float>(static_cast<int>(i % 9) - 4) : 0.0F;
        qkv[i * stride + head_size + d] = d == 0 ? static_cast<float>(static_cast<int>(i % 7 + i / 90) - 4) : 0.0F;
      }
    const float scale = exponent / (16.0F * 1.44269504F);
    expect_near_exact(run(qkv, tokens, head_size, scale), qkv, tokens, head_size, scale, 2.5 / 256.0, tokens);
  }
}

std::vector<std::uint16_t> to_bf16(const std::vector<float>& x) {
  std::vector<std::uint16_t> out((x.size() + 31) / 32 * 32);
  kernel_table(Isa::baseline).round_rows(x.data(), x.size(), 1, x.size(), out.data(), out.size());
  return out;
}
// BF16 rows give what the same numbers in FP32 give, rounded, whatever lies behind the last row.
TEST_P(AttentionBf16, RowsOfBf16GiveTheSame) {
  for (const std::size_t tokens : {1, 3, 16, 17, 32, 45, 128, 131})
    for (const std::size_t head_size : {8, 16, 32, 33, 64, 80, 128}) {
      Random random(static_cast<unsigned>(tokens * 1000 + head_size));
      const std::size_t stride = 3 * head_size + 5;
      std::vector<std::uint16_t> low = to_bf16(random.normals(tokens * stride));
      low.resize(tokens * stride);
      std::vector<float> qkv;
      for (const std::uint16_t x : low) qkv.push_back(widen(x));
      const float scale = 1.0F / std::sqrt(static_cast<float>(head_size));
      const std::vector<std::uint16_t> expected = to_bf16(run(qkv, tokens, head_size, scale));
      low.resize((tokens + kLowRows) * stride, 0x7fc0);  // NaN
      GuardedMemory scratch(4 * GetParam().low->attention_bf16_scratch(tokens, head_size) + 64);
      GuardedMemory output(2 * tokens * head_size);
      AttentionBf16Args args;
      args.q = low.data();
      args.k = args.q + head_size;
      args.v = args.q + 2 * head_size;
      args.stride = stride;
      args.out = output.place<std::uint16_t>(tokens * head_size);
      args.out_stride = head_size;
      args.tokens = tokens;
      args.head_size = head_size;
      args.scale = scale;
      args.scratch = scratch.place<float>(GetParam().low->attention_bf16_scratch(tokens, head_size), 64);
      GetParam().low->attention_bf16_rows(args);
      EXPECT_TRUE(scratch.intact());
      EXPECT_TRUE(output.intact());
      for (std::size_t i = 0; i < tokens * head_size; ++i) ASSERT_EQ(args.out[i], expected[i]) << "tokens " << tokens << ", head " << head_size << ", " << i;
    }
}

// The largest numerator is exactly 1, so one token gets its own value.
TEST_P(AttentionBf16, OneTokenGetsItsValue) {
  const std::size_t head_size = 32;
  Random random(4);
  const std::vector<float> qkv = random.normals(3 * head_size + 5, 3.0F);
  const std::vector<float> out = run(qkv, 1, head_size, 1.0F);
  const std::vector<std::uint16_t> values = to_bf16(std::vector<float>(qkv.begin() + 2 * head_size, qkv.begin() + 3 * head_size));
  // The rounding of the scaled score leaves its weight an exponent of at most 2^-15, and the exponential is good to 1.1e-4: far below BF16's 2^-9.
  for (std::size_t d = 0; d < head_size; ++d) ASSERT_NEAR(out[d], widen(values[d]), 1.5e-4F * std::abs(widen(values[d])));
}

TEST_P(AttentionBf16, ExtremeScoresAndNan) {
  const std::size_t head_size = 32;
  const std::size_t stride = 3 * head_size + 5;
  for (const std::size_t tokens : {40, 100})
    for (const float size : {1.0F, 100.0F}) {
      Random random(3);
      std::vector<float> qkv = random.normals(tokens * stride, size);
      for (const float x : run(qkv, tokens, head_size, 1.0F)) ASSERT_TRUE(std::isfinite(x));
      qkv[7 * stride + 3] = kNaN;  // a query: its own row alone
      std::vector<float> out = run(qkv, tokens, head_size, 1.0F);
      for (std::size_t i = 0; i < tokens; ++i) ASSERT_EQ(std::isnan(out[i * head_size]), i == 7) << i;
      qkv[7 * stride + 3] = 1.0F;
      qkv[9 * stride + head_size] = kNaN;  // a key: every row
      out = run(qkv, tokens, head_size, 1.0F);
      for (std::size_t i = 0; i < tokens; ++i) ASSERT_TRUE(std::isnan(out[i * head_size])) << i;
    }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AttentionBf16);
INSTANTIATE_TEST_SUITE_P(Isa, AttentionBf16, testing::ValuesIn(bf16_tables()), [](const auto& table) { return table.param.name; });

}  // namespace
}  // namespace berth::kernels
