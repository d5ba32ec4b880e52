// What the kernel tests share: the tables this CPU can run, memory with guards on both sides, and random numbers.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// A table to test, under the name of the lowest instruction set that runs it.
struct TableUnderTest {
  std::string name;
  const KernelTable* kernels;
};
void PrintTo(const TableUnderTest& table, std::ostream* out);

// Every distinct table among the instruction sets that are usable here, lowest first.
const std::vector<TableUnderTest>& usable_tables();

// The kernels of low precision of every usable instruction set, with those of its FP32.
struct LowTable {
  std::string name;
  const LowKernelTable* low;
  const KernelTable* kernels;
};
void PrintTo(const LowTable& table, std::ostream* out);
std::vector<LowTable> low_tables();

// A fixture run once per usable table: TEST_P(Suite, ...) and BERTH_FOR_EVERY_TABLE(Suite).
class KernelTest : public testing::TestWithParam<TableUnderTest> {
 protected:
  const KernelTable& kernels() const { return *GetParam().kernels; }
  bool fuses() const { return GetParam().name != "baseline"; }  // multiply and add with a single rounding
};
#define BERTH_FOR_EVERY_TABLE(suite) \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, testing::ValuesIn(berth::kernels::usable_tables()), [](const auto& table) { return table.param.name; })

inline constexpr double kEpsilon = std::numeric_limits<float>::epsilon();  // 2^-23
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

inline std::uint32_t bits_of(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}
inline float float_of(std::uint32_t bits) {
  float x = 0.0F;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}
// A bfloat16.
inline float widen(std::uint16_t x) { return float_of(static_cast<std::uint32_t>(x) << 16); }

// Pages of memory between two that may not be touched. An array that is asked for ends at the upper forbidden page (rounded down to
// `alignment`): reading or writing one element too many is a segmentation fault, not luck. All the memory around it holds a pattern, and
// intact() says whether it still does.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t capacity_bytes);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  // `bytes` bytes holding the pattern (as floats: a NaN of odd payload) at the end of the memory; or, `at_front`, at its beginning, right
  // behind the lower forbidden page. What earlier calls returned is no longer valid.
  void* place(std::size_t bytes, std::size_t alignment, bool at_front = false);
  template <class T>
  T* place(std::size_t count, std::size_t alignment = alignof(T), bool at_front = false) {
    return static_cast<T*>(place(count * sizeof(T), alignment, at_front));
  }
  // Whether the memory around the array still holds the pattern.
  bool intact() const;

  static constexpr std::uint32_t kPattern = 0x7fcacac5U;
  static bool holds_pattern(float x) { return bits_of(x) == kPattern; }

 private:
  static constexpr std::size_t kNeighbourhood = 1024;  // bytes that are checked on either side
  std::size_t mapped_ = 0;
  unsigned char* map_ = nullptr;
  unsigned char* usable_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// The same numbers in every run.
class Random {
 public:
  explicit Random(unsigned seed = 1) : engine_(seed) {}
  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  float normal(float deviation = 1.0F) { return std::normal_distribution<float>(0.0F, deviation)(engine_); }
  std::size_t index(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(engine_); }
  std::vector<float> normals(std::size_t count, float deviation = 1.0F) {
    std::vector<float> values(count);
    for (float& x : values) x = normal(deviation);
    return values;
  }

 private:
  std::mt19937 engine_;
};

// 8-bit weights and activations: anything; the largest of either sign; as random weights are, some pairs of which are beyond kPairBound.
enum class S8Values { uniform, extreme, normal };
std::int8_t s8_value(S8Values values, Random& random);

inline constexpr Activation kActivations[] = {Activation::none,       Activation::relu, Activation::gelu,      Activation::gelu_tanh,
                                              Activation::quick_gelu, Activation::silu, Activation::tanh,      Activation::sigmoid,
                                              Activation::relu6,      Activation::mish, Activation::leaky_relu};
const char* name_of(Activation activation);

// The activation as its definition reads, in double precision.
double exact_activation(Activation activation, double x);
// How far KernelTable::activate may be from it: kernels/generic/math.hpp states these bounds.
double activation_tolerance(Activation activation, double x);

}  // namespace berth::kernels
