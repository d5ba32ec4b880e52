// Windows and relative positions in attention, in FP32 and with BF16 products, against the definition in double.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

constexpr std::size_t kStride = 3 * 80 + 7;

constexpr auto kAll = static_cast<std::size_t>(-1);

// One head, and what positions do to it.
struct Case {
  std::size_t tokens;
  std::size_t head_size;
  std::size_t before = kAll;
  std::size_t behind = kAll;
  std::size_t keys = kAll;
  std::vector<float> bias = {};             // [2 tokens - 1]
  std::vector<std::int32_t> index = {};     // [2 tokens - 1]
  std::vector<float> query_positions = {};  // [tokens, kPositions]
  std::vector<float> key_positions = {};
};
constexpr std::size_t kPositions = 11;

struct Kernel {
  std::string name;
  std::size_t (*scratch)(std::size_t, std::size_t) noexcept;
  void (*run)(const AttentionArgs&) noexcept;
  double tolerance;  // of a result, relative to the values that make it up
};
void PrintTo(const Kernel& kernel, std::ostream* out) { *out << kernel.name; }

std::vector<Kernel> all_kernels() {
  std::vector<Kernel> all;
  for (const TableUnderTest& table : usable_tables())
    all.push_back({table.name + "_f32", table.kernels->attention_f32_scratch, table.kernels->attention_f32, 3e-6});
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.usable || low_kernel_table(status.isa).attention_bf16 == nullptr) continue;
    const LowKernelTable& low = low_kernel_table(status.isa);
    all.push_back({std::string(name(status.isa)) + "_bf16", low.attention_bf16_scratch, low.attention_bf16, 6.0 / 256.0});  // why: attention_bf16_test.cpp
  }
  return all;
}

class AttentionPositions : public testing::TestWithParam<Kernel> {
 protected:
  std::vector<float> run(const Case& one, const std::vector<float>& qkv) const {
    const std::size_t floats = GetParam().scratch(one.tokens, one.head_size);
    GuardedMemory scratch(floats * sizeof(float) + 64);
    GuardedMemory output(one.tokens * one.head_size * sizeof(float));
    AttentionArgs args;
    args.q = qkv.data();
    args.k = qkv.data() + 80;
    args.v = qkv.data() + 160;
    args.stride = kStride;
    args.out = output.place<float>(one.tokens * one.head_size);
    args.out_stride = one.head_size;
    args.tokens = one.tokens;
    args.head_size = one.head_size;
    args.scale = scale(one);
    args.before = one.before;
    args.behind = one.behind;
    args.keys = one.keys;
    const auto middle = [&](const auto& table) { return table.empty() ? nullptr : table.data() + one.tokens - 1; };
    args.relative_bias = middle(one.bias);
    args.position_index = middle(one.index);
    args.query_positions = one.query_positions.empty() ? nullptr : one.query_positions.data();
    args.key_positions = one.key_positions.empty() ? nullptr : one.key_positions.data();
    args.position_stride = kPositions;
    args.scratch = scratch.place<float>(floats, 64);
    GetParam().run(args);
    EXPECT_TRUE(scratch.intact());
    EXPECT_TRUE(output.intact());
    return {args.out, args.out + one.tokens * one.head_size};
  }

  static float scale(const Case& one) { return 1.0F / std::sqrt(static_cast<float>(one.head_size)); }

  static double score(const Case& one, const std::vector<float>& qkv, std::size_t i, std::size_t j) {
    double product = 0.0;
    for (std::size_t d = 0; d < one.head_size; ++d) product += double{qkv[i * kStride + d]} * double{qkv[j * kStride + 80 + d]};
    const std::size_t offset = j + one.tokens - 1 - i;
    if (!one.index.empty()) {
      const auto p = static_cast<std::size_t>(one.index[offset]);
      if (!one.query_positions.empty()) product += double{one.query_positions[i * kPositions + p]};
      if (!one.key_positions.empty()) product += double{one.key_positions[j * kPositions + p]};
    }
    return product * double{scale(one)} + (one.bias.empty() ? 0.0 : double{one.bias[offset]});
  }

  void expect_definition(const Case& one, const std::vector<float>& qkv) const {
    const std::vector<float> got = run(one, qkv);
    for (std::size_t i = 0; i < one.tokens; ++i) {
      const std::size_t begin = i > one.before ? i - one.before : 0;
      const std::size_t end = std::min(one.keys, one.behind < one.tokens ? std::min(one.tokens, i + one.behind + 1) : one.tokens);
      std::vector<double> weights;
      for (std::size_t j = begin; j < end; ++j) weights.push_back(score(one, qkv, i, j));
      const double largest = *std::max_element(weights.begin(), weights.end());
      double sum = 0.0;
      for (double& weight : weights) sum += weight = std::exp(weight - largest);
      for (std::size_t d = 0; d < one.head_size; ++d) {
        double exact = 0.0;
        double magnitude = 0.0;
        for (std::size_t j = begin; j < end; ++j) {
          const double term = weights[j - begin] / sum * double{qkv[j * kStride + 160 + d]};
          exact += term;
          magnitude += std::abs(term);
        }
        ASSERT_NEAR(double{got[i * one.head_size + d]}, exact, GetParam().tolerance * magnitude + 1e-6)
            << one.tokens << " tokens, " << one.before << " before and " << one.behind << " behind, head " << one.head_size << ", token " << i << ", element "
            << d;
      }
    }
  }

  static std::vector<float> random_head(const Case& one, Random& random) {
    std::vector<float> qkv = random.normals(one.tokens * kStride);
    return qkv;
  }
};

TEST_P(AttentionPositions, WindowsOfEverySize) {
  Random random(11);
  for (const std::size_t tokens : {1, 2, 3, 5, 16, 17, 31, 33, 50, 64, 97, 200})
    for (const std::size_t window : {0, 1, 2, 5, 8, 15, 16, 31, 64, 199, 200, 1000})
      for (const std::size_t head_size : {6, 16, 24, 64, 80}) {
        const Case one{.tokens = tokens, .head_size = head_size, .before = window, .behind = window};
        ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
      }
}

// What lies outside every window takes no part, whatever it is.
TEST_P(AttentionPositions, NothingBeyondTheWindowIsSeen) {
  Random random(12);
  const Case one{.tokens = 120, .head_size = 32, .before = 9, .behind = 9};
  std::vector<float> qkv = random_head(one, random);
  const std::vector<float> before = run(one, qkv);
  for (std::size_t d = 80; d < kStride; ++d) qkv[70 * kStride + d] = 1e4F;  // key and value of token 70
  const std::vector<float> after = run(one, qkv);
  for (std::size_t i = 0; i < one.tokens; ++i) {
    const bool sees = i + 9 >= 70 && i <= 79;
    const bool same = std::equal(before.begin() + static_cast<std::ptrdiff_t>(i * 32), before.begin() + static_cast<std::ptrdiff_t>(i * 32 + 32),
                                 after.begin() + static_cast<std::ptrdiff_t>(i * 32));
    EXPECT_EQ(same, !sees) << i;
  }
}

// Every remainder of tokens over tiles and vectors: causal attention, with all tokens before or a few.
TEST_P(AttentionPositions, CausalForEveryNumberOfTokens) {
  Random random(17);
  for (std::size_t tokens = 1; tokens <= 70; ++tokens)
    for (const std::size_t head_size : {6, 16, 33, 64, 80}) {
      const Case one{.tokens = tokens, .head_size = head_size, .behind = 0};
      ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
    }
  for (const std::size_t tokens : {97, 129, 200, 261})
    for (const std::size_t before : {kAll, std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{31}, std::size_t{64}, std::size_t{150}}) {
      const Case one{.tokens = tokens, .head_size = 24, .before = before, .behind = 0};
      ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
    }
}

TEST_P(AttentionPositions, AnotherNumberBehindThanBefore) {
  Random random(18);
  for (const std::size_t tokens : {1, 5, 16, 33, 50, 97})
    for (const std::size_t before : {kAll, std::size_t{0}, std::size_t{3}, std::size_t{40}})
      for (const std::size_t behind : {kAll, std::size_t{0}, std::size_t{2}, std::size_t{17}}) {
        const Case one{.tokens = tokens, .head_size = 32, .before = before, .behind = behind};
        ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
      }
}

// The row's last keys, which no query sees.
TEST_P(AttentionPositions, CausalWithKeysThatNobodySees) {
  Random random(19);
  for (const std::size_t tokens : {3, 16, 33, 70})
    for (std::size_t keys = 1; keys <= tokens; keys += 5) {
      const Case one{.tokens = tokens, .head_size = 24, .behind = 0, .keys = keys};
      ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
    }
}

// Scores of any size, so that the softmax goes either way where there are two.
TEST_P(AttentionPositions, CausalWithAQueryThatStandsOut) {
  Random random(20);
  for (const std::size_t tokens : {20, 49, 130}) {
    const Case one{.tokens = tokens, .head_size = 32, .behind = 0};
    std::vector<float> qkv = random_head(one, random);
    for (std::size_t d = 0; d < 32; ++d) qkv[(tokens - 1) * kStride + d] *= 1000.0F;
    const std::vector<float> got = run(one, qkv);
    // Its own result is nearly one key's value. The others' are what they are without it.
    const Case fewer{.tokens = tokens - 1, .head_size = 32, .behind = 0};
    expect_definition(fewer, qkv);
    const std::vector<float> without = run(fewer, qkv);
    for (std::size_t i = 0; i < without.size(); ++i) ASSERT_NEAR(got[i], without[i], GetParam().tolerance * 4.0) << i;
  }
}

// Tokens behind a query change no bit of its result, wherever tiles and groups of queries begin, in FP32.
TEST_P(AttentionPositions, CausalResultsAreThoseOfTheTokensBefore) {
  Random random(21);
  const Case whole{.tokens = 83, .head_size = 40, .behind = 0};
  const std::vector<float> qkv = random_head(whole, random);
  const std::vector<float> all = run(whole, qkv);
  for (std::size_t tokens = 1; tokens < 83; ++tokens) {
    const Case first{.tokens = tokens, .head_size = 40, .behind = 0};
    const std::vector<float> got = run(first, qkv);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const bool fp32 = GetParam().tolerance < 1e-4;
      ASSERT_NEAR(got[i], all[i], fp32 ? 0.0 : 4.0 * GetParam().tolerance) << tokens << " tokens, " << i;
    }
  }
}

TEST_P(AttentionPositions, RelativeBias) {
  Random random(13);
  for (const std::size_t tokens : {1, 2, 7, 16, 33, 70, 130})
    for (const std::size_t head_size : {6, 32, 64})
      for (const std::size_t window : {std::size_t{4}, kAll}) {
        Case one{.tokens = tokens, .head_size = head_size, .before = window, .behind = window};
        one.bias = random.normals(2 * tokens - 1, 2.0F);
        ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
      }
}

TEST_P(AttentionPositions, DisentangledPositions) {
  Random random(14);
  for (const std::size_t tokens : {1, 2, 7, 16, 33, 70, 130})
    for (const int terms : {1, 2, 3}) {
      Case one{.tokens = tokens, .head_size = 24};
      for (std::size_t i = 0; i < 2 * tokens - 1; ++i) one.index.push_back(static_cast<std::int32_t>(random.index(kPositions)));
      if ((terms & 1) != 0) one.query_positions = random.normals(tokens * kPositions);
      if ((terms & 2) != 0) one.key_positions = random.normals(tokens * kPositions);
      ASSERT_NO_FATAL_FAILURE(expect_definition(one, random_head(one, random)));
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, AttentionPositions, testing::ValuesIn(all_kernels()), [](const auto& kernel) { return kernel.param.name; });

class RotaryTest : public KernelTest {};
BERTH_FOR_EVERY_TABLE(RotaryTest);

TEST_P(RotaryTest, TurnsPairsAndNothingElse) {
  Random random(15);
  for (std::size_t pairs = 1; pairs <= 40; ++pairs)
    for (const bool interleaved : {false, true}) {
      const std::size_t tokens = 3;
      const std::size_t stride = 2 * pairs + 5;
      GuardedMemory memory(1U << 14);
      float* x = memory.place<float>((tokens - 1) * stride + 2 * pairs);
      const std::vector<float> before = random.normals((tokens - 1) * stride + 2 * pairs);
      std::copy(before.begin(), before.end(), x);
      std::vector<float> cosines, sines;
      for (std::size_t i = 0; i < tokens * pairs; ++i) {
        const float angle = random.uniform(-10.0F, 10.0F);
        cosines.push_back(std::cos(angle));
        sines.push_back(std::sin(angle));
      }
      kernels().rotary(
          {.x = x, .stride = stride, .tokens = tokens, .pairs = pairs, .cosines = cosines.data(), .sines = sines.data(), .interleaved = interleaved});
      ASSERT_TRUE(memory.intact());
      std::vector<double> exact(before.begin(), before.end());
      for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t p = 0; p < pairs; ++p) {
          const std::size_t a = t * stride + (interleaved ? 2 * p : p);
          const std::size_t b = interleaved ? a + 1 : a + pairs;
          const double c = double{cosines[t * pairs + p]};
          const double s = double{sines[t * pairs + p]};
          exact[a] = double{before[a]} * c - double{before[b]} * s;
          exact[b] = double{before[b]} * c + double{before[a]} * s;
        }
      for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(double{x[i]}, exact[i], 8 * kEpsilon) << i << " of " << pairs << " pairs";
    }
}

class GateTest : public KernelTest {};
BERTH_FOR_EVERY_TABLE(GateTest);

TEST_P(GateTest, IsTheActivationOfOneHalfTimesTheOther) {
  Random random(16);
  for (const Activation activation : {Activation::gelu, Activation::silu, Activation::sigmoid})
    for (const bool second : {false, true})
      for (std::size_t size = 1; size <= 35; ++size) {
        const std::size_t stride = 2 * size;
        GuardedMemory memory(1U << 12);
        float* x = memory.place<float>(3 * stride);
        const std::vector<float> before = random.normals(3 * stride);
        std::copy(before.begin(), before.end(), x);
        kernels().gate({.x = x, .stride = stride, .rows = 3, .size = size, .second_half = second, .activation = activation});
        ASSERT_TRUE(memory.intact());
        for (std::size_t i = 0; i < 3 * stride; ++i) {
          if (i % stride >= size) {
            ASSERT_EQ(x[i], before[i]);
            continue;
          }
          const double gate = double{before[second ? i + size : i]};
          const double value = double{before[second ? i : i + size]};
          ASSERT_NEAR(double{x[i]}, exact_activation(activation, gate) * value, (activation_tolerance(activation, gate) + 3e-7) * (1.0 + std::fabs(value)))
              << name_of(activation) << ", " << i << " of " << size;
        }
      }
}

}  // namespace
}  // namespace berth::kernels
