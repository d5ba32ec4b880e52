// What is not a number stays so: an overflow or a bad weight must reach the check of the results, never turn into a plausible value on its way.
#include <algorithm>
#include <cmath>

#include "tests/kernels/gemm_f32_support.hpp"

namespace berth::kernels {
namespace {

class NonFiniteTest : public KernelTest {
 protected:
  std::vector<float> attention(const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v, std::size_t tokens,
                               std::size_t head_size) {
    std::vector<float> out(tokens * head_size);
    GuardedMemory scratch(kernels().attention_f32_scratch(tokens, head_size) * sizeof(float));
    AttentionArgs args;
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.stride = head_size;
    args.out = out.data();
    args.out_stride = head_size;
    args.tokens = tokens;
    args.head_size = head_size;
    args.scale = 0.5F;
    args.scratch = scratch.place<float>(kernels().attention_f32_scratch(tokens, head_size), 64);
    kernels().attention_f32(args);
    return out;
  }
};
BERTH_FOR_EVERY_TABLE(NonFiniteTest);

bool is_nan(float x) { return std::isnan(x); }

TEST_P(NonFiniteTest, ActivationsKeepNaN) {
  for (const Activation activation : kActivations)
    for (const float bad : {kNaN, -kNaN, float_of(0x7fa12345U)})
      for (std::size_t size = 1; size <= 33; ++size)
        for (std::size_t i = 0; i < size; ++i) {
          std::vector<float> x(size, 0.5F);
          x[i] = bad;
          kernels().activate(x.data(), size, activation);
          for (std::size_t j = 0; j < size; ++j) ASSERT_EQ(is_nan(x[j]), i == j) << name_of(activation) << ", " << i << " of " << size;
        }
}

TEST_P(NonFiniteTest, ActivationsAtInfinityHaveTheirLimits) {
  const auto at = [&](Activation activation, float x) {
    kernels().activate(&x, 1, activation);
    return x;
  };
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu, Activation::silu})
    EXPECT_EQ(at(activation, kInfinity), kInfinity) << name_of(activation);
  EXPECT_EQ(at(Activation::none, -kInfinity), -kInfinity);
  EXPECT_EQ(at(Activation::relu, -kInfinity), 0.0F);
  EXPECT_EQ(at(Activation::tanh, kInfinity), 1.0F);
  EXPECT_EQ(at(Activation::tanh, -kInfinity), -1.0F);
  EXPECT_EQ(at(Activation::sigmoid, kInfinity), 1.0F);
  EXPECT_NEAR(at(Activation::sigmoid, -kInfinity), 0.0F, 1e-38);
  // The others multiply it by a factor that is 0 in the limit: nothing finite comes out.
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu, Activation::silu})
    EXPECT_FALSE(std::isfinite(at(activation, -kInfinity))) << name_of(activation);
}

TEST_P(NonFiniteTest, GemmKeepsABadInputInItsRowAndABadWeightInItsColumn) {
  Random random(20);
  const std::size_t rows = kernels().tile_rows + 2;
  for (const std::size_t n : {2 * kernels().panel_width, kernels().panel_width + 3})
    for (const float bad : {kNaN, kInfinity}) {
      const Product good(rows, n, 9, random);
      const auto run = [&](const Product& product, std::size_t count) {
        const PackedF32 packed = product.pack(kernels());
        std::vector<float> c(count * n);
        GemmF32Args args;
        args.a = product.a.data();
        args.lda = 9;
        args.b = packed.view();
        args.panel_end = packed.panels();
        args.c = c.data();
        args.ldc = n;
        args.rows = count;
        kernels().gemm_f32(args);
        return c;
      };
      for (const std::size_t count : {std::size_t{1}, std::size_t{2}, rows})
        for (std::size_t l = 0; l < 9; ++l) {
          Product product = good;
          const std::size_t bad_row = l % count;
          product.a[bad_row * 9 + l] = bad;
          std::vector<float> c = run(product, count);
          for (std::size_t i = 0; i < count; ++i)
            for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(std::isfinite(c[i * n + j]), i != bad_row) << i << ", " << j;
          product = good;
          const std::size_t bad_column = (l * 31) % n;
          product.b[bad_column * 9 + l] = bad;
          c = run(product, count);
          for (std::size_t i = 0; i < count; ++i)
            for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(std::isfinite(c[i * n + j]), j != bad_column) << i << ", " << j;
        }
    }
}

TEST_P(NonFiniteTest, SoftmaxOfABadRowIsAllNaN) {
  for (std::size_t size = 1; size <= 35; ++size)
    for (std::size_t i = 0; i < size; ++i)
      for (const float bad : {kNaN, kInfinity}) {
        std::vector<float> x(3 * size, 1.0F);
        x[size + i] = bad;
        kernels().softmax(x.data(), 3, size);
        for (std::size_t j = 0; j < 3 * size; ++j) ASSERT_EQ(is_nan(x[j]), j / size == 1) << bad << " at " << i << " of " << size;
      }
  for (std::size_t size = 1; size <= 35; ++size) {
    std::vector<float> x(size, -kInfinity);
    kernels().softmax(x.data(), 1, size);
    EXPECT_TRUE(std::all_of(x.begin(), x.end(), is_nan)) << size;
  }
}

TEST_P(NonFiniteTest, AttentionKeepsABadQueryInItsRowAndABadValueInItsColumn) {
  constexpr std::size_t kHead = 10;
  Random random(21);
  for (const std::size_t tokens : {1U, 2U, 5U, 16U, 21U, 35U}) {
    const std::vector<float> q = random.normals(tokens * kHead);
    const std::vector<float> k = random.normals(tokens * kHead);
    const std::vector<float> v = random.normals(tokens * kHead);
    for (std::size_t bad = 0; bad < tokens * kHead; ++bad) {
      std::vector<float> changed = q;
      changed[bad] = kNaN;
      std::vector<float> out = attention(changed, k, v, tokens, kHead);
      for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(is_nan(out[i]), i / kHead == bad / kHead) << "query " << bad << " of " << tokens;
      changed = k;
      changed[bad] = kNaN;
      out = attention(q, changed, v, tokens, kHead);
      ASSERT_TRUE(std::all_of(out.begin(), out.end(), is_nan)) << "key " << bad << " of " << tokens;
      changed = v;
      changed[bad] = kNaN;
      out = attention(q, k, changed, tokens, kHead);
      for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(is_nan(out[i]), i % kHead == bad % kHead) << "value " << bad << " of " << tokens;
    }
  }
}

// Scores that overflow: all to minus infinity leaves nothing to compare, and one at plus infinity leaves its weight undefined.
TEST_P(NonFiniteTest, AttentionOverInfiniteScoresIsNaN) {
  for (const std::size_t tokens : {1U, 3U, 8U, 16U, 19U}) {
    const std::vector<float> v(tokens, 1.0F);
    const std::vector<float> q(tokens, 1e30F);
    for (const float key : {-1e30F, 1e30F}) {
      const std::vector<float> out = attention(q, std::vector<float>(tokens, key), v, tokens, 1);
      EXPECT_TRUE(std::all_of(out.begin(), out.end(), is_nan)) << tokens << " tokens, keys " << key;
    }
    std::vector<float> k(tokens, 0.0F);
    k[tokens / 2] = 1e30F;
    const std::vector<float> out = attention(q, k, v, tokens, 1);
    EXPECT_TRUE(std::all_of(out.begin(), out.end(), is_nan)) << tokens << " tokens";
  }
}

// Three rows, the second with a bad value at each of its places in turn, through a norm: body(the result, the size of a row, that place).
template <class Norm, class Body>
void with_a_bad_row(Norm norm, const Body& body) {
  for (const std::size_t size : {1U, 3U, 16U, 31U, 33U})
    for (std::size_t i = 0; i < size; ++i)
      for (const float bad : {kNaN, kInfinity, -kInfinity}) {
        SCOPED_TRACE(testing::Message() << bad << " at " << i << " of " << size);
        std::vector<float> x(3 * size);
        for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<float>(j % 5);
        x[size + i] = bad;
        const std::vector<float> ones(size, 1.0F);
        norm({x.data(), x.data(), size, ones.data(), nullptr, 3, size, 1e-12F});
        body(x, size, i);
      }
}

TEST_P(NonFiniteTest, LayerNormOfABadRowIsAllNaN) {
  with_a_bad_row(kernels().layer_norm, [](const std::vector<float>& x, std::size_t size, std::size_t) {
    for (std::size_t j = 0; j < x.size(); ++j) ASSERT_EQ(std::isfinite(x[j]), j / size != 1);
  });
}

// An infinite value makes the others zeros, as in PyTorch, and is NaN itself.
TEST_P(NonFiniteTest, RmsNormOfABadRowKeepsIt) {
  with_a_bad_row(kernels().rms_norm, [](const std::vector<float>& x, std::size_t size, std::size_t i) {
    ASSERT_TRUE(is_nan(x[size + i]));
    for (std::size_t j = 0; j < x.size(); ++j) ASSERT_TRUE(j / size == 1 || std::isfinite(x[j]));
  });
}

// Pooling: a token that went wrong may not vanish behind the others.
TEST_P(NonFiniteTest, PoolingKeepsNaN) {
  for (std::size_t size = 1; size <= 35; ++size)
    for (std::size_t i = 0; i < size; ++i) {
      std::vector<float> good(size, 1.0F);
      std::vector<float> bad(size, 1.0F);
      bad[i] = kNaN;
      std::vector<float> out = bad;
      kernels().max_into(out.data(), good.data(), size);
      for (std::size_t j = 0; j < size; ++j) ASSERT_EQ(is_nan(out[j]), i == j) << "accumulated NaN at " << i << " of " << size;
      out = good;
      kernels().max_into(out.data(), bad.data(), size);
      for (std::size_t j = 0; j < size; ++j) ASSERT_EQ(is_nan(out[j]), i == j) << "new NaN at " << i << " of " << size;
      out = good;
      kernels().add_scaled(out.data(), bad.data(), 0.0F, size);
      for (std::size_t j = 0; j < size; ++j) ASSERT_EQ(is_nan(out[j]), i == j);
      ASSERT_TRUE(is_nan(kernels().dot(good.data(), bad.data(), size)));
    }
  // The identity of the maximum.
  std::vector<float> out(20, -kInfinity);
  const std::vector<float> x = {-3.0F,  0.0F, 2.5F, kInfinity, -kInfinity, 1e-20F, 7.0F, 8.0F, 9.0F, 3e38F,
                                -3e38F, 1.0F, 2.0F, 3.0F,      4.0F,       5.0F,   6.0F, 0.1F, 0.2F, 0.3F};
  kernels().max_into(out.data(), x.data(), x.size());
  EXPECT_EQ(out, x);
}

}  // namespace
}  // namespace berth::kernels
