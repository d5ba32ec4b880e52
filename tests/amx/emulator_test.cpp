// The emulator against the instructions themselves: on a CPU with AMX against what Intel built, elsewhere (kernels_test_amx) against what the
// signal handler makes of them, in every form of address.
#include "tests/amx/emulator.hpp"

#include <cmath>
#include <memory>

#include "tests/kernels/kernel_test.hpp"

namespace berth::test {
namespace {

using kernels::bits_of;
using kernels::float_of;
using kernels::Random;

struct alignas(64) Config {
  unsigned char bytes[64] = {1};
  Config() {
    for (int tile = 0; tile < 8; ++tile) {
      bytes[16 + 2 * tile] = 64;
      bytes[48 + tile] = 16;
    }
  }
};
const Config kConfig;

class Amx : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& status : kernels::isa_statuses())
      if (status.isa == kernels::Isa::amx && !status.usable) GTEST_SKIP() << status.reason;
    __asm__ volatile("ldtilecfg %0" : : "m"(kConfig));
    configured_ = true;
  }
  void TearDown() override {
    if (configured_) __asm__ volatile("tilerelease");
  }

  // sums + a b by the instruction. Tiles 1 and 2 are A and B, 3 is C, so that no operand's number is another's.
  static Tile by_instruction(bool bf16, const Tile& sums, const Tile& a, const Tile& b) {
    constexpr std::ptrdiff_t kStride = 64;
    Tile c;
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm1" : : "r"(&a), "r"(kStride) : "memory");
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm2" : : "r"(&b), "r"(kStride) : "memory");
    __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm3" : : "r"(&sums), "r"(kStride) : "memory");
    if (bf16) __asm__ volatile("tdpbf16ps %tmm2, %tmm1, %tmm3");
    if (!bf16) __asm__ volatile("tdpbssd %tmm2, %tmm1, %tmm3");
    __asm__ volatile("tilestored %%tmm3, (%0,%1,1)" : : "r"(&c), "r"(kStride) : "memory");
    return c;
  }

 private:
  bool configured_ = false;
};

std::int32_t& s32(Tile& tile, int row, int column) { return reinterpret_cast<std::int32_t*>(tile.rows[row])[column]; }
float& f32(Tile& tile, int row, int column) { return reinterpret_cast<float*>(tile.rows[row])[column]; }
std::uint16_t& half(Tile& tile, int row, int place) { return reinterpret_cast<std::uint16_t*>(tile.rows[row])[place]; }

Tile random_bytes(Random& random) {
  Tile tile;
  for (auto& row : tile.rows)
    for (unsigned char& byte : row) byte = static_cast<unsigned char>(random.index(256));
  return tile;
}

TEST_F(Amx, ProductsOfBytesAreTheDefinitionsSums) {
  Random random(1);
  for (int trial = 0; trial < 20; ++trial) {
    Tile a = random_bytes(random);
    Tile b = random_bytes(random);
    Tile c = random_bytes(random);
    if (trial == 0) {
      std::memset(&a, 0x80, sizeof(a));  // -128 by -128 is the largest product
      std::memset(&b, 0x80, sizeof(b));
      for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 16; ++n) s32(c, m, n) = std::numeric_limits<std::int32_t>::max();  // and wraps
    }
    Tile expected = c;
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 16; ++n) {
        auto sum = static_cast<std::uint32_t>(s32(c, m, n));
        for (int k = 0; k < 16; ++k)
          for (int i = 0; i < 4; ++i)
            sum += static_cast<std::uint32_t>(static_cast<std::int8_t>(a.rows[m][4 * k + i]) * static_cast<std::int8_t>(b.rows[k][4 * n + i]));
        s32(expected, m, n) = static_cast<std::int32_t>(sum);
      }
    const Tile done = by_instruction(false, c, a, b);
    EXPECT_EQ(std::memcmp(&done, &expected, sizeof(done)), 0) << "trial " << trial;
    Tile emulated = c;
    multiply_s8(emulated, a, b);
    EXPECT_EQ(std::memcmp(&emulated, &expected, sizeof(emulated)), 0) << "trial " << trial;
  }
}

// Numbers of all sizes: ordinary ones; from everywhere in the exponents' range, so that sums overflow and are flushed; any bits, infinities and NaNs too.
enum class Values { ordinary, all_exponents, all_bits };
std::uint16_t bf16_value(Values values, Random& random) {
  const float x = random.normal();
  switch (values) {
    case Values::ordinary: return static_cast<std::uint16_t>(bits_of(x) >> 16);
    case Values::all_exponents: return static_cast<std::uint16_t>(bits_of(std::ldexp(x, static_cast<int>(random.index(250)) - 125)) >> 16);
    default: return static_cast<std::uint16_t>(random.index(65536));
  }
}

float chain(float sum, float x, float y) {
  const auto as_zero = [](float v) { return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0F, v) : v; };
  return as_zero(std::fma(as_zero(x), as_zero(y), as_zero(sum)));
}
float added(float x, float y) { return chain(y, x, 1.0F); }

bool same(float x, float y) { return bits_of(x) == bits_of(y) || (std::isnan(x) && std::isnan(y)); }

TEST_F(Amx, ProductsOfBf16AreTwoChainsOfMultiplyAdds) {
  Random random(2);
  for (const Values values : {Values::ordinary, Values::all_exponents, Values::all_bits})
    for (int trial = 0; trial < 20; ++trial) {
      Tile a;
      Tile b;
      Tile c;
      for (int m = 0; m < 16; ++m)
        for (int i = 0; i < 32; ++i) {
          half(a, m, i) = bf16_value(values, random);
          half(b, m, i) = bf16_value(values, random);
        }
      for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 16; ++n)
          f32(c, m, n) = float_of(static_cast<std::uint32_t>(bf16_value(values, random)) << 16 | static_cast<std::uint32_t>(random.index(65536)));
      Tile done = by_instruction(true, c, a, b);
      Tile emulated = c;
      multiply_bf16(emulated, a, b);
      for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 16; ++n) {
          float sums[2] = {0.0F, 0.0F};
          for (int k = 0; k < 16; ++k)
            for (int i = 0; i < 2; ++i) sums[i] = chain(sums[i], kernels::widen(half(a, m, 2 * k + i)), kernels::widen(half(b, k, 2 * n + i)));
          const float expected = added(f32(c, m, n), added(sums[0], sums[1]));
          ASSERT_TRUE(same(f32(done, m, n), expected)) << f32(done, m, n) << " instead of " << expected << " at " << m << ", " << n;
          ASSERT_TRUE(same(f32(emulated, m, n), expected)) << f32(emulated, m, n) << " instead of " << expected << " at " << m << ", " << n;
        }
    }
}

// Every way that a compiler has of naming a place: each register that is encoded in a way of its own, distances of one byte and of four, none.
TEST_F(Amx, TilesAreLoadedAndStoredAtEveryFormOfAddress) {
  constexpr std::ptrdiff_t kStride = 80;
  Random random(3);
  std::vector<unsigned char> all(4096 + 16 * kStride);
  for (unsigned char& byte : all) byte = static_cast<unsigned char>(random.index(256));
  const unsigned char* const far = all.data();
  const unsigned char* const memory = far + 4096;
  const auto check = [&](const char* form) {
    Tile tile;
    constexpr std::ptrdiff_t kTileStride = 64;
    __asm__ volatile("tilestored %%tmm5, (%0,%1,1)\n\ttilezero %%tmm5" : : "r"(&tile), "r"(kTileStride) : "memory");
    for (int row = 0; row < 16; ++row) EXPECT_EQ(std::memcmp(tile.rows[row], memory + row * kStride, 64), 0) << form << ", row " << row;
    __asm__ volatile("tilestored %%tmm5, (%0,%1,1)" : : "r"(&tile), "r"(kTileStride) : "memory");
    for (const auto& row : tile.rows)
      for (const unsigned char byte : row) ASSERT_EQ(byte, 0) << form;
  };
  __asm__ volatile("mov %0, %%rax\n\tmov %1, %%rcx\n\ttileloadd (%%rax,%%rcx,1), %%tmm5" : : "r"(memory), "r"(kStride) : "rax", "rcx", "memory");
  check("low registers");
  __asm__ volatile("mov %0, %%r13\n\tmov %1, %%r12\n\ttileloadd (%%r13,%%r12,2), %%tmm5" : : "r"(memory), "r"(kStride / 2) : "r12", "r13", "memory");
  check("high registers, two fold");
  __asm__ volatile("mov %0, %%r12\n\tmov %1, %%r9\n\ttileloadd -8(%%r12,%%r9,8), %%tmm5" : : "r"(memory + 8), "r"(kStride / 8) : "r9", "r12", "memory");
  check("a byte of displacement, eight fold");
  __asm__ volatile("mov %0, %%rdx\n\tmov %1, %%rdi\n\ttileloadd 4096(%%rdx,%%rdi,4), %%tmm5" : : "r"(far), "r"(kStride / 4) : "rdx", "rdi", "memory");
  check("four bytes of displacement, four fold");
}

TEST_F(Amx, ACopyOfTheConfigurationOnTheStackAndInTheHeap) {
  const Config on_stack;
  __asm__ volatile("ldtilecfg %0" : : "m"(on_stack));
  const auto in_heap = std::make_unique<Config>();
  __asm__ volatile("ldtilecfg (%0)" : : "r"(in_heap.get()) : "memory");
  Tile tile;
  std::memset(&tile, 1, sizeof(tile));
  constexpr std::ptrdiff_t kStride = 64;
  __asm__ volatile("tilestored %%tmm7, (%0,%1,1)" : : "r"(&tile), "r"(kStride) : "memory");
  EXPECT_EQ(tile.rows[15][63], 0) << "a configuration zeroes the tiles";
}

}  // namespace
}  // namespace berth::test
