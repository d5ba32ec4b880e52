// One head of one sequence against the definition in double: every remainder of tokens and head sizes, rows far apart, extreme scores.
#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

// Three matrices [tokens, head_size] without gaps.
struct Head {
  std::size_t tokens, head_size;
  float scale;
  std::vector<float> q, k, v;
};

Head random_head(std::size_t tokens, std::size_t head_size, Random& random) {
  const std::size_t size = tokens * head_size;
  return {tokens, head_size, 1.0F / std::sqrt(static_cast<float>(head_size)), random.normals(size), random.normals(size), random.normals(size)};
}

class AttentionF32Test : public KernelTest {
 protected:
  // Rows of q, k and v `gap` floats apart, each matrix ending at a forbidden page; [tokens, head_size].
  std::vector<float> run(const Head& head, std::size_t gap = 0) {
    const std::size_t stride = head.head_size + gap;
    const std::size_t out_stride = head.head_size + 2 * gap;
    const auto place = [&](GuardedMemory& memory, const std::vector<float>& matrix) {
      auto* to = memory.place<float>((head.tokens - 1) * stride + head.head_size);
      for (std::size_t i = 0; i < head.tokens; ++i) std::memcpy(to + i * stride, matrix.data() + i * head.head_size, head.head_size * sizeof(float));
      return to;
    };
    const std::size_t scratch = kernels().attention_f32_scratch(head.tokens, head.head_size);
    AttentionArgs args;
    args.q = place(q_, head.q);
    args.k = place(k_, head.k);
    args.v = place(v_, head.v);
    args.stride = stride;
    args.out = out_.place<float>((head.tokens - 1) * out_stride + head.head_size);
    args.out_stride = out_stride;
    args.tokens = head.tokens;
    args.head_size = head.head_size;
    args.scale = head.scale;
    args.scratch = scratch_.place<float>(scratch, 64);
    kernels().attention_f32(args);
    EXPECT_TRUE(out_.intact());
    EXPECT_TRUE(scratch_.intact());
    std::vector<float> result;
    for (std::size_t i = 0; i < head.tokens; ++i) {
      result.insert(result.end(), args.out + i * out_stride, args.out + i * out_stride + head.head_size);
      if (i + 1 == head.tokens) break;
      for (std::size_t j = head.head_size; j < out_stride; ++j) EXPECT_TRUE(GuardedMemory::holds_pattern(args.out[i * out_stride + j]));
    }
    return result;
  }

 private:
  static constexpr std::size_t kRoom = 4U << 20;
  GuardedMemory q_{kRoom}, k_{kRoom}, v_{kRoom}, out_{kRoom}, scratch_{kRoom};
};
BERTH_FOR_EVERY_TABLE(AttentionF32Test);

// softmax(scale q k^T) v of one row, and the bound of its error. A score is a chain of head_size multiply-adds; an error d of an exponent is a
// factor within e^d of its weight; the sum over tokens and the weighted sum are chains again. With scores known to be exact, only the
// rounding of the exponent counts.
struct ExactRow {
  std::vector<double> value, tolerance;
};
ExactRow exact_row(const Head& head, std::size_t i, bool scores_are_exact) {
  const std::size_t size = head.head_size;
  std::vector<double> score(head.tokens), error(head.tokens);
  for (std::size_t t = 0; t < head.tokens; ++t) {
    double magnitude = 0.0;
    for (std::size_t d = 0; d < size; ++d) {
      const double product = double{head.q[i * size + d]} * double{head.k[t * size + d]};
      score[t] += product;
      magnitude += std::fabs(product);
    }
    score[t] *= double{head.scale};
    if (!scores_are_exact) error[t] = static_cast<double>(size) * kEpsilon * magnitude * double{head.scale};
  }
  const double maximum = *std::max_element(score.begin(), score.end());
  const double common_error = *std::max_element(error.begin(), error.end());
  double sum = 0.0;
  for (const double s : score) sum += std::exp(s - maximum);
  ExactRow row{std::vector<double>(size), std::vector<double>(size)};
  for (std::size_t t = 0; t < head.tokens; ++t) {
    const double weight = std::exp(score[t] - maximum) / sum;
    const double relative = std::expm1(error[t] + common_error) + kEpsilon * (static_cast<double>(head.tokens) + std::fabs(score[t] - maximum) + 4.0);
    for (std::size_t d = 0; d < size; ++d) {
      const double v = double{head.v[t * size + d]};
      row.value[d] += weight * v;
      row.tolerance[d] += weight * relative * std::fabs(v) + 2e-38 * std::fabs(v);  // 2e-38: the weight below which exp stops
    }
  }
  return row;
}

void expect_attention(const Head& head, const std::vector<float>& out, bool scores_are_exact = false) {
  for (std::size_t i = 0; i < head.tokens; ++i) {
    const ExactRow exact = exact_row(head, i, scores_are_exact);
    for (std::size_t d = 0; d < head.head_size; ++d)
      ASSERT_NEAR(out[i * head.head_size + d], exact.value[d], exact.tolerance[d])
          << "token " << i << " of " << head.tokens << ", element " << d << " of " << head.head_size;
  }
}

TEST_P(AttentionF32Test, IsCloseToTheDefinitionForEveryNumberOfTokens) {
  Random random(5);
  for (std::size_t tokens = 1; tokens <= 70; ++tokens)
    for (const std::size_t head_size : {1U, 6U, 8U, 16U, 24U, 32U, 64U, 65U, 80U, 128U, 256U}) {
      const Head head = random_head(tokens, head_size, random);
      ASSERT_NO_FATAL_FAILURE(expect_attention(head, run(head, (tokens + head_size) % 5)));
    }
}

TEST_P(AttentionF32Test, IsCloseToTheDefinitionForLongSequences) {
  Random random(6);
  for (const std::size_t tokens : {129U, 300U, 513U})
    for (const std::size_t head_size : {24U, 32U, 64U}) {
      const Head head = random_head(tokens, head_size, random);
      ASSERT_NO_FATAL_FAILURE(expect_attention(head, run(head, 1000 - head_size)));  // as heads lie in a matrix [tokens, 3 hidden]
    }
}

// Whole numbers as q and k make exact scores up to ten thousand, so nothing but the softmax itself can err: no overflow, and ties shared evenly.
TEST_P(AttentionF32Test, IsStableForExtremeScores) {
  for (const std::size_t tokens : {2U, 5U, 16U, 33U, 50U})
    for (const float extreme : {1e4F, -1e4F, 100.0F, -100.0F}) {
      Random random(7);
      Head head = random_head(tokens, 8, random);
      head.scale = 1.0F;
      std::fill(head.q.begin(), head.q.end(), 0.0F);
      std::fill(head.k.begin(), head.k.end(), 0.0F);
      for (std::size_t t = 0; t < tokens; ++t) {
        head.q[t * 8] = extreme;
        head.k[t * 8] = t % 3 == 0 ? 1.0F : t % 3 == 1 ? -1.0F : 0.5F;
        head.q[t * 8 + 7] = 1.0F;
        head.k[t * 8 + 7] = static_cast<float>(t % 7);
      }
      ASSERT_NO_FATAL_FAILURE(expect_attention(head, run(head), true));
    }
}

TEST_P(AttentionF32Test, TakesTheOnlyTokensValue) {
  Random random(8);
  for (const std::size_t head_size : {1U, 6U, 64U, 65U}) {
    Head head = random_head(1, head_size, random);
    EXPECT_EQ(run(head), head.v);
    for (float& x : head.q) x *= 1e6F;
    EXPECT_EQ(run(head), head.v);
  }
}

// Neither the memory around a head (the other heads and sequences) nor what a scratch held before plays a part: the patterns of the
// guards differ with the gap, and a longer head ran before.
TEST_P(AttentionF32Test, DependsOnItsOwnSequenceAlone) {
  Random random(9);
  for (const std::size_t tokens : {1U, 7U, 16U, 31U, 64U}) {
    const Head head = random_head(tokens, 24, random);
    const std::vector<float> alone = run(head);
    run(random_head(tokens + 40, 64, random), 3);
    EXPECT_EQ(run(head, 17), alone) << tokens << " tokens";
  }
}

// A query's result does not depend on which other queries there are: equal rows of q give equal rows, wherever the tiles of rows begin.
TEST_P(AttentionF32Test, GivesEqualQueriesEqualBits) {
  Random random(10);
  for (std::size_t tokens = 2; tokens <= 2 * kernels().tile_rows + 1; ++tokens) {
    Head head = random_head(tokens, 32, random);
    for (std::size_t i = 1; i < tokens; ++i) std::copy_n(head.q.begin(), 32, head.q.begin() + static_cast<std::ptrdiff_t>(i * 32));
    const std::vector<float> out = run(head);
    for (std::size_t i = 1; i < tokens; ++i) ASSERT_EQ(std::memcmp(out.data(), out.data() + i * 32, 32 * sizeof(float)), 0) << "row " << i << " of " << tokens;
  }
}

}  // namespace
}  // namespace berth::kernels
