// Rows of embedding tables, widened in place from float, half and bfloat16.
#include <xmmintrin.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

constexpr unsigned kFlushDenormals = 0x8040;  // MXCSR: FTZ and DAZ, which the engine runs under

// The value of IEEE half `bits`, from its fields.
float half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction == 0 ? sign * kInfinity : kNaN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}
float bfloat_value(std::uint16_t bits) { return float_of(static_cast<std::uint32_t>(bits) << 16); }

std::vector<std::uint16_t> every_half() {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  return halves;
}

// NaN for NaN, otherwise the same bits.
testing::AssertionResult same(float actual, float expected) {
  if (std::isnan(expected) ? std::isnan(actual) : bits_of(actual) == bits_of(expected)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << actual << " is not " << expected;
}

class TableRowTest : public KernelTest {
 protected:
  // A row's bytes, `shift` bytes before the forbidden page behind them; or, at_front, right behind the forbidden page before them.
  const void* place_row(const std::vector<unsigned char>& bytes, std::size_t shift = 0, bool at_front = false) {
    auto* row = row_.place<unsigned char>(bytes.size() + shift, 1, at_front);
    std::copy(bytes.begin(), bytes.end(), row);
    return row;
  }
  // load_row of `row`, and add_row onto other numbers.
  void expect_row(const void* row, TableType type, const std::vector<float>& expected) {
    const std::size_t size = expected.size();
    auto* out = out_.place<float>(size);
    kernels().load_row(out, row, type, size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_TRUE(same(out[i], expected[i])) << i << " of " << size;
    ASSERT_TRUE(out_.intact());
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<float>(i) - 10.0F;
    kernels().add_row(out, row, type, size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(out[i], static_cast<float>(i) - 10.0F + expected[i]) << i << " of " << size;
    ASSERT_TRUE(out_.intact());
  }
  void expect_every_half(TableType type, float (*value)(std::uint16_t)) {
    const std::vector<std::uint16_t> row = every_half();
    std::vector<float> out(row.size());
    kernels().load_row(out.data(), row.data(), type, row.size());
    for (std::size_t i = 0; i < row.size(); ++i) ASSERT_TRUE(same(out[i], value(row[i]))) << "half 0x" << std::hex << i;
  }
  GuardedMemory row_{4096}, out_{4096};
};
BERTH_FOR_EVERY_TABLE(TableRowTest);

TEST_P(TableRowTest, WidensEveryHalf) { expect_every_half(TableType::f16, half_value); }
TEST_P(TableRowTest, WidensEveryBfloat) { expect_every_half(TableType::bf16, bfloat_value); }

TEST_P(TableRowTest, WidensEveryHalfWhileDenormalsAreFlushed) {
  // The smallest half, 6e-8, is far from a denormal float: nothing may be lost.
  const std::vector<std::uint16_t> row = every_half();
  std::vector<float> out(row.size());
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | kFlushDenormals);
  kernels().load_row(out.data(), row.data(), TableType::f16, row.size());
  _mm_setcsr(before);
  for (std::size_t i = 0; i < row.size(); ++i) ASSERT_TRUE(same(out[i], half_value(row[i]))) << "half 0x" << std::hex << i;
}

// Every size, at both ends of the memory and at odd addresses: a row of a mapped file has no alignment.
TEST_P(TableRowTest, ReadsAndWritesExactlyTheRow) {
  Random random(19);
  for (std::size_t size = 0; size <= 3 * 16 + 2; ++size)
    for (const TableType type : {TableType::f32, TableType::f16, TableType::bf16}) {
      std::vector<unsigned char> bytes(size * (type == TableType::f32 ? 4 : 2));
      std::vector<float> expected(size);
      for (std::size_t i = 0; i < size; ++i) {
        const float x = random.normal();
        const auto half = static_cast<std::uint16_t>(0x2c00U + random.index(0x2000));  // finite, of moderate size
        expected[i] = type == TableType::f32 ? x : type == TableType::f16 ? half_value(half) : bfloat_value(half);
        if (type == TableType::f32) std::memcpy(bytes.data() + 4 * i, &x, 4);
        if (type != TableType::f32) std::memcpy(bytes.data() + 2 * i, &half, 2);
      }
      ASSERT_NO_FATAL_FAILURE(expect_row(place_row(bytes, 0, false), type, expected));
      ASSERT_NO_FATAL_FAILURE(expect_row(place_row(bytes, 0, true), type, expected));
      ASSERT_NO_FATAL_FAILURE(expect_row(place_row(bytes, 1, false), type, expected));
    }
}

}  // namespace
}  // namespace berth::kernels
