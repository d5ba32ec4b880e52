// What every x86-64 CPU has (SSE2), through xsimd: the portable floor. No fused multiply-add: a product is rounded before it is added.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

namespace berth::kernels {

struct Baseline {
  using F32 = xsimd::batch<float, xsimd::default_arch>;
  static constexpr std::size_t kLanes = F32::size;
  // 4 x 8: 8 accumulators, 2 vectors of B, a broadcast and a product: 12 of 16 registers.
  static constexpr int kTileRows = 4;
  static constexpr std::size_t kPairRows = 2;  // 2 x 2 x 2 accumulators
  static constexpr int kTileVectors = 2;

  [[gnu::always_inline]] static F32 load(const float* p) { return F32::load_unaligned(p); }
  [[gnu::always_inline]] static F32 load_partial(const float* p, std::size_t count) {
    alignas(16) float lanes[kLanes] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i] = p[i];
    return F32::load_aligned(lanes);
  }
  [[gnu::always_inline]] static void store(float* p, F32 x) { x.store_unaligned(p); }
  [[gnu::always_inline]] static void store_partial(float* p, F32 x, std::size_t count) {
    alignas(16) float lanes[kLanes];
    x.store_aligned(lanes);
    for (std::size_t i = 0; i < count; ++i) p[i] = lanes[i];
  }
  [[gnu::always_inline]] static F32 load_f32_bytes(const void* p) {
    alignas(16) float lanes[kLanes];
    std::memcpy(lanes, p, sizeof(lanes));
    return F32::load_aligned(lanes);
  }
  [[gnu::always_inline]] static F32 load_f16(const void* p) {
    alignas(16) float lanes[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = widen_f16(static_cast<const unsigned char*>(p) + 2 * i);
    return F32::load_aligned(lanes);
  }
  [[gnu::always_inline]] static F32 load_bf16(const void* p) {
    alignas(16) float lanes[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, static_cast<const unsigned char*>(p) + 2 * i, sizeof(half));
      lanes[i] = from_bits(static_cast<std::uint32_t>(half) << 16);
    }
    return F32::load_aligned(lanes);
  }
  [[gnu::always_inline]] static void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
  [[gnu::always_inline]] static F32 set1(float x) { return F32(x); }
  [[gnu::always_inline]] static F32 add(F32 x, F32 y) { return x + y; }
  [[gnu::always_inline]] static F32 sub(F32 x, F32 y) { return x - y; }
  [[gnu::always_inline]] static F32 mul(F32 x, F32 y) { return x * y; }
  [[gnu::always_inline]] static F32 div(F32 x, F32 y) { return x / y; }
  [[gnu::always_inline]] static F32 fma(F32 x, F32 y, F32 z) { return x * y + z; }
  [[gnu::always_inline]] static F32 min(F32 x, F32 y) { return xsimd::min(x, y); }
  [[gnu::always_inline]] static F32 max(F32 x, F32 y) { return xsimd::max(x, y); }
  [[gnu::always_inline]] static F32 abs(F32 x) { return xsimd::abs(x); }
  [[gnu::always_inline]] static F32 clamp_magnitude(F32 x, F32 limit) { return xsimd::min(limit, xsimd::max(-limit, x)); }
  [[gnu::always_inline]] static F32 max_magnitude(F32 largest, F32 x) {
    const __m128i magnitude = _mm_castps_si128(abs(x));
    const __m128i greater = _mm_cmpgt_epi32(magnitude, _mm_castps_si128(largest));
    return _mm_castsi128_ps(_mm_or_si128(_mm_and_si128(greater, magnitude), _mm_andnot_si128(greater, _mm_castps_si128(largest))));
  }
  [[gnu::always_inline]] static F32 sqrt(F32 x) { return xsimd::sqrt(x); }
  // Adding 1.5 * 2^23 leaves no bits for a fraction; exact for |x| < 2^22, which all callers keep to.
  [[gnu::always_inline]] static F32 round(F32 x) {
    const F32 magic(12582912.0F);
    return (x + magic) - magic;
  }
  [[gnu::always_inline]] static F32 scale_by_power_of_two(F32 x, F32 n) {
    const auto exponent = (xsimd::to_int(n) + 127) << 23;
    return x * xsimd::bitwise_cast<F32>(exponent);
  }
  [[gnu::always_inline]] static F32 select_less(F32 a, F32 b, F32 then, F32 otherwise) { return xsimd::select(a < b, then, otherwise); }
  [[gnu::always_inline]] static float reduce_add(F32 x) {
    alignas(16) float lanes[kLanes];
    x.store_aligned(lanes);
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  }
  [[gnu::always_inline]] static float reduce_max(F32 x) {
    alignas(16) float lanes[kLanes];
    x.store_aligned(lanes);
    const float a = lanes[0] > lanes[2] ? lanes[0] : lanes[2];
    const float b = lanes[1] > lanes[3] ? lanes[1] : lanes[3];
    return a > b ? a : b;
  }
  [[gnu::always_inline]] static float first(F32 x) { return x.get(0); }
  [[gnu::always_inline]] static void transpose(F32 (&m)[kLanes]) {
    alignas(16) float from[kLanes][kLanes];
    alignas(16) float to[kLanes][kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) m[i].store_aligned(from[i]);
    for (std::size_t i = 0; i < kLanes; ++i)
      for (std::size_t j = 0; j < kLanes; ++j) to[j][i] = from[i][j];
    for (std::size_t i = 0; i < kLanes; ++i) m[i] = F32::load_aligned(to[i]);
  }

  // INT8 by 16-bit products: SSE2 has no other. 2 rows x 1 panel: 8 accumulators.
  static constexpr int kS8Rows = 2;
  static constexpr int kS8Panels = 1;
  using I32 = __m128i;
  using S8Weights = __m128i;
  using S8Activations = __m128i;
  [[gnu::always_inline]] static I32 load_i32(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  [[gnu::always_inline]] static void store_i32(void* p, I32 x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }
  [[gnu::always_inline]] static F32 to_f32(I32 x) { return _mm_cvtepi32_ps(x); }
  [[gnu::always_inline]] static I32 s8_start(const std::int32_t*) { return _mm_setzero_si128(); }
  [[gnu::always_inline]] static S8Weights s8_weights(const std::int8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  // Four activations in 16 bits, twice.
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) {
    int four = 0;
    std::memcpy(&four, p, sizeof(four));
    return widen_low(_mm_set1_epi32(four));
  }
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    const __m128 low = _mm_castsi128_ps(_mm_madd_epi16(a, widen_low(b)));    // two half sums for each of outputs 0 and 1
    const __m128 high = _mm_castsi128_ps(_mm_madd_epi16(a, widen_high(b)));  // and 2 and 3
    const __m128i even = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
    const __m128i odd = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
    return _mm_add_epi32(sum, _mm_add_epi32(even, odd));
  }
  // Rounds to nearest; x is within [-127, 127] but for NaN.
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, F32 x) {
    const __m128i words = _mm_packs_epi32(_mm_cvtps_epi32(x), _mm_setzero_si128());
    const int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    std::memcpy(p, &bytes, sizeof(bytes));
  }
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, const F32 (&x)[4]) {
    for (std::size_t v = 0; v < 4; ++v) store_s8(p + v * kLanes, x[v]);
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x, F32 next) {
    store_bf16(p, x);
    store_bf16(p + kLanes, next);
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x) {
    alignas(16) std::uint32_t bits[kLanes];
    std::memcpy(bits, &x, sizeof(bits));
    for (std::size_t i = 0; i < kLanes; ++i) {
      const bool is_nan = (bits[i] & 0x7fffffffU) > 0x7f800000U;  // keeps its upper half and a set bit
      p[i] = static_cast<std::uint16_t>((is_nan ? bits[i] | 0x400000U : bits[i] + 0x7fffU + (bits[i] >> 16 & 1U)) >> 16);
    }
  }

 private:
  [[gnu::always_inline]] static __m128i widen_low(__m128i x) { return _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8); }
  [[gnu::always_inline]] static __m128i widen_high(__m128i x) { return _mm_srai_epi16(_mm_unpackhi_epi8(x, x), 8); }
  static_assert(kLanes == 4);
  [[gnu::always_inline]] static float from_bits(std::uint32_t bits) {
    float value = 0.0F;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  [[gnu::always_inline]] static float widen_f16(const unsigned char* p) {
    std::uint16_t half = 0;
    std::memcpy(&half, p, sizeof(half));
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t rest = half & 0x7fffU;
    if (rest >= 0x7c00U) return from_bits(sign | 0x7f800000U | ((rest & 0x3ffU) << 13));
    if (rest < 0x400U) {  // zero or subnormal: rest * 2^-24, exact
      const float magnitude = static_cast<float>(rest) * 5.9604644775390625e-8F;
      return sign != 0 ? -magnitude : magnitude;
    }
    return from_bits(sign | ((rest << 13) + 0x38000000U));
  }
};

}  // namespace berth::kernels
