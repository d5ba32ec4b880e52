// Every shape's remainder, to the bit: the sums of gemm_f32 are chains whose order kernel_table.hpp fixes, so that an obvious scalar loop gives
// the same bits, whatever the number of rows, the panels asked for or the strides. Which values they approximate is the test in double below.
#include "tests/kernels/gemm_f32_support.hpp"

namespace berth::kernels {
namespace {

class GemmF32Test : public KernelTest {};
BERTH_FOR_EVERY_TABLE(GemmF32Test);

// Runs rows [first, first + rows) over panels [begin, end) with rows of c `gap` floats apart and compares bits with `expected` [.., n]. The
// gaps, the outputs of other panels and what surrounds c must stay as they are.
struct Run {
  std::size_t first, rows, panel_begin, panel_end, gap;
  bool with_bias;
};
void expect_bits(const KernelTable& kernels, const Product& product, const PackedF32& packed, const Run& run, const std::vector<float>& expected,
                 GuardedMemory& a_memory, GuardedMemory& bias_memory, GuardedMemory& c_memory) {
  const std::size_t n = packed.n();
  const std::size_t k = product.k;
  const std::size_t lda = k + run.gap;
  const std::size_t ldc = n + run.gap;
  // The last row ends at the forbidden page, without a gap behind it.
  auto* a = a_memory.place<float>((run.rows - 1) * lda + k);
  for (std::size_t i = 0; i < run.rows; ++i) std::memcpy(a + i * lda, product.a.data() + (run.first + i) * k, k * sizeof(float));
  auto* bias = bias_memory.place<float>(n);
  std::memcpy(bias, product.bias.data(), n * sizeof(float));
  auto* c = c_memory.place<float>((run.rows - 1) * ldc + n);

  GemmF32Args args;
  args.a = a;
  args.lda = lda;
  args.b = packed.view();
  args.panel_begin = run.panel_begin;
  args.panel_end = run.panel_end;
  args.bias = run.with_bias ? bias : nullptr;
  args.c = c;
  args.ldc = ldc;
  args.rows = run.rows;
  args.reads_ahead = run.gap == 0;  // this and what is fetched change no result
  args.next = a;
  args.next_bytes = run.rows * k;
  kernels.gemm_f32(args);

  const std::size_t begin = run.panel_begin * kernels.panel_width;
  const std::size_t end = std::min(n, run.panel_end * kernels.panel_width);
  for (std::size_t i = 0; i < run.rows; ++i) {
    const float* row = c + i * ldc;
    const float* want = expected.data() + (run.first + i) * product.n;
    if (begin < end) {
      ASSERT_EQ(std::memcmp(row + begin, want + begin, (end - begin) * sizeof(float)), 0)
          << "row " << run.first + i << " of " << run.rows << " rows from " << run.first << ", n " << n << ", k " << k << ", panels " << run.panel_begin
          << " to " << run.panel_end << ", bias " << run.with_bias;
    }
    for (std::size_t j = 0; j < (i + 1 < run.rows ? ldc : n); ++j) {
      if (j >= begin && j < end) continue;
      ASSERT_TRUE(GuardedMemory::holds_pattern(row[j])) << "row " << i << ", column " << j << ", n " << n << ", k " << k;
    }
  }
  ASSERT_TRUE(c_memory.intact()) << run.rows << " rows, n " << n << ", k " << k;
}

std::vector<float> chains(const Product& product, bool with_bias, bool fused) {
  std::vector<float> c(product.rows * product.n);
  for (std::size_t i = 0; i < product.rows; ++i)
    for (std::size_t j = 0; j < product.n; ++j) c[i * product.n + j] = product.chain(i, j, with_bias, fused);
  return c;
}

// The first n rows of the product's b, packed.
PackedF32 pack_first(const Product& product, std::size_t n, const KernelTable& kernels) {
  PackedF32 packed(n, product.k, kernels);
  packed.set_rows(0, n, product.b.data());
  return packed;
}

TEST_P(GemmF32Test, EqualsTheChainOfMultiplyAddsAtEveryRemainder) {
  GuardedMemory a_memory(1U << 20), bias_memory(1U << 16), c_memory(1U << 20);
  const std::vector<std::size_t> widths = interesting_widths(kernels());
  const std::size_t most_rows = 2 * kernels().tile_rows + 1;
  Random random;
  for (const std::size_t k : {1U, 2U, 3U, 7U, 16U, 33U, 64U}) {
    const Product product(most_rows, widths.back(), k, random);
    const std::vector<float> with_bias = chains(product, true, fuses());
    const std::vector<float> without_bias = chains(product, false, fuses());
    for (const std::size_t n : widths) {
      const PackedF32 packed = pack_first(product, n, kernels());
      for (std::size_t rows = 1; rows <= most_rows; ++rows) {
        const bool bias = (rows + n) % 2 == 0;
        ASSERT_NO_FATAL_FAILURE(expect_bits(kernels(), product, packed, {0, rows, 0, packed.panels(), k % 3, bias}, bias ? with_bias : without_bias, a_memory,
                                            bias_memory, c_memory));
      }
    }
  }
}

TEST_P(GemmF32Test, GivesARowTheSameBitsWhereverItStandsAndHoweverThePanelsAreSplit) {
  GuardedMemory a_memory(1U << 20), bias_memory(1U << 16), c_memory(1U << 20);
  const std::size_t most_rows = 2 * kernels().tile_rows + 1;
  Random random;
  for (const std::size_t n : {4 * kernels().panel_width, 4 * kernels().panel_width - kernels().lanes, 3 * kernels().panel_width + 1}) {
    const Product product(most_rows, n, 37, random);
    const std::vector<float> expected = chains(product, true, fuses());
    const PackedF32 packed = product.pack(kernels());
    for (std::size_t begin = 0; begin <= packed.panels(); ++begin)
      for (std::size_t end = begin; end <= packed.panels(); ++end)
        for (std::size_t first = 0; first < most_rows; ++first)
          for (const std::size_t rows : {std::size_t{1}, std::size_t{2}, std::size_t{3}, kernels().tile_rows, most_rows}) {
            if (first + rows > most_rows) continue;
            ASSERT_NO_FATAL_FAILURE(expect_bits(kernels(), product, packed, {first, rows, begin, end, 5, true}, expected, a_memory, bias_memory, c_memory));
          }
  }
}

TEST_P(GemmF32Test, GivesNothingForNoRowsOrNoPanels) {
  GuardedMemory c_memory(4096);
  Random random;
  const Product product(1, 8, 8, random);
  const PackedF32 packed = product.pack(kernels());
  GemmF32Args args;
  args.a = product.a.data();
  args.lda = 8;
  args.b = packed.view();
  args.c = c_memory.place<float>(8);
  args.ldc = 8;
  args.rows = 0;
  args.panel_end = packed.panels();
  kernels().gemm_f32(args);
  args.rows = 1;
  args.panel_end = 0;
  kernels().gemm_f32(args);
  for (std::size_t j = 0; j < 8; ++j) EXPECT_TRUE(GuardedMemory::holds_pattern(args.c[j]));
}

// Against double precision, at the sizes of real models too. A chain of k rounded multiply-adds is within k roundings of half an epsilon (twice
// as many where the product is rounded as well) of the sum of the absolute values.
TEST_P(GemmF32Test, IsCloseToTheProductInDouble) {
  struct Shape {
    std::size_t rows, n, k;
  };
  Random random(2);
  for (const Shape shape : {Shape{1, 1, 1}, Shape{5, 7, 1000}, Shape{23, 100, 129}, Shape{3, 384, 384}, Shape{2, 48, 3072}, Shape{19, 129, 768}}) {
    const Product product(shape.rows, shape.n, shape.k, random);
    const PackedF32 packed = product.pack(kernels());
    std::vector<float> c(shape.rows * shape.n);
    GemmF32Args args;
    args.a = product.a.data();
    args.lda = shape.k;
    args.b = packed.view();
    args.panel_end = packed.panels();
    args.bias = product.bias.data();
    args.c = c.data();
    args.ldc = shape.n;
    args.rows = shape.rows;
    kernels().gemm_f32(args);
    for (std::size_t i = 0; i < shape.rows; ++i)
      for (std::size_t j = 0; j < shape.n; ++j) {
        const Product::Exact exact = product.exact(i, j, true);
        ASSERT_NEAR(c[i * shape.n + j], exact.value, static_cast<double>(shape.k) * kEpsilon * exact.magnitude)
            << "[" << i << ", " << j << "] of " << shape.rows << " x " << shape.n << ", k " << shape.k;
      }
  }
}

}  // namespace
}  // namespace berth::kernels
