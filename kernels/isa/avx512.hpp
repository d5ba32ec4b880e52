// AVX-512 (F, BW, VL, DQ): 32 registers of 16 floats.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa/order_shuffles.hpp"

namespace berth::kernels {

struct Avx512 {
  struct Unsigned;  // INT8 in other ways, below
  struct BoundedPairs;

  using F32 = __m512;
  static constexpr std::size_t kLanes = 16;
  // 9 x 48: 27 accumulators, 3 vectors of B, one broadcast of A: 31 of 32 registers; 12 loads feed 27 multiply-adds, so the two load ports
  // are busy 6 of the 13.5 cycles that the two FMA ports need. (8 x 48, 14 x 32 and 6 x 64 were measured and are 1 to 10% slower.)
  static constexpr int kTileRows = 9;
  static constexpr std::size_t kPairRows = 4;  // 4 x 2 x 3 accumulators
  static constexpr int kTileVectors = 3;

  [[gnu::always_inline]] static F32 load(const float* p) { return _mm512_loadu_ps(p); }
  [[gnu::always_inline]] static F32 load_partial(const float* p, std::size_t count) { return _mm512_maskz_loadu_ps(mask(count), p); }
  [[gnu::always_inline]] static void store(float* p, F32 x) { _mm512_storeu_ps(p, x); }
  [[gnu::always_inline]] static void store_partial(float* p, F32 x, std::size_t count) { _mm512_mask_storeu_ps(p, mask(count), x); }
  [[gnu::always_inline]] static F32 load_f32_bytes(const void* p) { return _mm512_loadu_ps(p); }
  [[gnu::always_inline]] static F32 load_f16(const void* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
  [[gnu::always_inline]] static F32 load_bf16(const void* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  [[gnu::always_inline]] static void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
  [[gnu::always_inline]] static F32 set1(float x) { return _mm512_set1_ps(x); }
  [[gnu::always_inline]] static F32 add(F32 x, F32 y) { return _mm512_add_ps(x, y); }
  [[gnu::always_inline]] static F32 sub(F32 x, F32 y) { return _mm512_sub_ps(x, y); }
  [[gnu::always_inline]] static F32 mul(F32 x, F32 y) { return _mm512_mul_ps(x, y); }
  [[gnu::always_inline]] static F32 div(F32 x, F32 y) { return _mm512_div_ps(x, y); }
  [[gnu::always_inline]] static F32 fma(F32 x, F32 y, F32 z) { return _mm512_fmadd_ps(x, y, z); }
  [[gnu::always_inline]] static F32 min(F32 x, F32 y) { return _mm512_min_ps(x, y); }
  [[gnu::always_inline]] static F32 max(F32 x, F32 y) { return _mm512_max_ps(x, y); }
  [[gnu::always_inline]] static F32 abs(F32 x) { return _mm512_abs_ps(x); }
  [[gnu::always_inline]] static F32 clamp_magnitude(F32 x, F32 limit) { return _mm512_range_ps(x, limit, 2); }
  [[gnu::always_inline]] static F32 max_magnitude(F32 largest, F32 x) {
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(largest), _mm512_castps_si512(abs(x))));
  }
  [[gnu::always_inline]] static F32 sqrt(F32 x) { return _mm512_sqrt_ps(x); }
  [[gnu::always_inline]] static F32 round(F32 x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  [[gnu::always_inline]] static F32 scale_by_power_of_two(F32 x, F32 n) { return _mm512_scalef_ps(x, n); }
  // x - floor(x), and x 2^floor(n); minus infinity has the fraction 0.
  [[gnu::always_inline]] static F32 above_floor(F32 x) { return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
  [[gnu::always_inline]] static F32 scale_by_floor(F32 x, F32 n) { return _mm512_scalef_ps(x, n); }
  [[gnu::always_inline]] static F32 select_less(F32 a, F32 b, F32 then, F32 otherwise) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
  }
  // Halves onto halves: lane i + lane i + 8, then + 4, + 2, + 1.
  [[gnu::always_inline]] static float reduce_add(F32 x) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
  }
  [[gnu::always_inline]] static float reduce_max(F32 x) {
    const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
  }
  [[gnu::always_inline]] static float first(F32 x) { return _mm512_cvtss_f32(x); }
  // m[i][j] <-> m[j][i]: pairs within 128-bit quarters first, then the quarters themselves.
  [[gnu::always_inline]] static void transpose(F32 (&m)[kLanes]) {
    F32 t[kLanes];
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(m[i], m[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(m[i], m[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      m[i] = unpack_low(t[i], t[i + 2]);
      m[i + 1] = unpack_high(t[i], t[i + 2]);
      m[i + 2] = unpack_low(t[i + 1], t[i + 3]);
      m[i + 3] = unpack_high(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
      const F32 even_low = _mm512_shuffle_f32x4(m[i], m[i + 4], 0x88);
      const F32 odd_low = _mm512_shuffle_f32x4(m[i], m[i + 4], 0xdd);
      const F32 even_high = _mm512_shuffle_f32x4(m[i + 8], m[i + 12], 0x88);
      const F32 odd_high = _mm512_shuffle_f32x4(m[i + 8], m[i + 12], 0xdd);
      t[i] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      t[i + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
      t[i + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
    }
    for (int i = 0; i < 16; ++i) m[i] = t[i];
  }

  using I32 = __m512i;
  [[gnu::always_inline]] static I32 load_i32(const void* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static void store_i32(void* p, I32 x) { _mm512_storeu_si512(p, x); }
  [[gnu::always_inline]] static F32 to_f32(I32 x) { return _mm512_cvtepi32_ps(x); }

  // INT8 as Avx2: |a| times b with a's sign. 8 rows x 2 panels.
  static constexpr int kS8Rows = 8;
  static constexpr int kS8Panels = 2;
  using S8Weights = __m512i;
  struct S8Activations {
    __m512i magnitude;
    __mmask64 negative;
  };
  [[gnu::always_inline]] static I32 s8_start(const std::int32_t*) { return _mm512_setzero_si512(); }
  [[gnu::always_inline]] static S8Weights s8_weights(const std::int8_t* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) {
    const __m512i value = broadcast4(p);
    return {_mm512_abs_epi8(value), _mm512_movepi8_mask(value)};
  }
  [[gnu::always_inline]] static I32 s8_step(I32 sum, const S8Activations& a, S8Weights b) {
    return add_pairs(sum, _mm512_maddubs_epi16(a.magnitude, _mm512_mask_sub_epi8(b, a.negative, _mm512_setzero_si512(), b)));
  }
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, F32 x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
  }
  // Four vectors by packing within 128-bit quarters, which leaves the quarters' parts to be put in order.
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, const F32 (&x)[4]) {
    const __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    const __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high)));
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x, F32 next) {
    store_bf16(p, x);
    store_bf16(p + kLanes, next);
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded_to_bf16(x), 16)));
  }
  // p[2 i] = even[i], p[2 i + 1] = odd[i], of 16 BF16 each.
  [[gnu::always_inline]] static void interleave_bf16(std::uint16_t* p, const std::uint16_t* even, const std::uint16_t* odd) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(even)));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd)));
    _mm512_storeu_si512(p, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
  // The same of FP32, rounded.
  [[gnu::always_inline]] static void store_bf16_pairs(std::uint16_t* p, F32 even, F32 odd) {
    const __m512i upper = _mm512_and_si512(rounded_to_bf16(odd), _mm512_set1_epi32(static_cast<int>(0xffff0000U)));
    _mm512_storeu_si512(p, _mm512_or_si512(_mm512_srli_epi32(rounded_to_bf16(even), 16), upper));
  }

 protected:
  // Four activations, repeated.
  [[gnu::always_inline]] static __m512i broadcast4(const std::int8_t* p) {
    int four = 0;
    __builtin_memcpy(&four, p, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  // As assembly for the reason that Avx512Vnni gives.
  [[gnu::always_inline]] static I32 add_pairs(I32 sum, __m512i pairs) {
    __asm__("vpaddd %1, %0, %0" : "+v"(sum) : "v"(_mm512_madd_epi16(pairs, _mm512_set1_epi16(1))));
    return sum;
  }

 private:
  // Rounded to nearest, ties to even, in the upper 16 bits; the lower ones are anything.
  [[gnu::always_inline]] static __m512i rounded_to_bf16(F32 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));  // a NaN keeps its upper half and a set bit
    return _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, quiet);
  }
  [[gnu::always_inline]] static F32 unpack_low(F32 x, F32 y) { return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y))); }
  [[gnu::always_inline]] static F32 unpack_high(F32 x, F32 y) { return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y))); }
  [[gnu::always_inline]] static __mmask16 mask(std::size_t count) { return static_cast<__mmask16>(_bzhi_u32(0xffffU, static_cast<unsigned>(count))); }
};

// INT8 with unsigned activations, as Avx2::Unsigned.
struct Avx512::Unsigned : Avx512 {
  using S8Activations = __m512i;

  [[gnu::always_inline]] static I32 s8_start(const std::int32_t* column_sums) {
    return _mm512_slli_epi32(_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(column_sums)), 7);
  }
  // 64 activations at a time, shifted.
  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) { _mm512_store_si512(to, shifted(_mm512_loadu_si512(from))); }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) { return broadcast4(p); }

 protected:
  [[gnu::always_inline]] static __m512i shifted(__m512i x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
};

// As Avx2::BoundedPairs. 8 rows x 1 panel: panels have orders of their own, and more rows staged in all of them would leave L1.
struct Avx512::BoundedPairs : Avx512::Unsigned {
  static constexpr int kS8Rows = 8;
  static constexpr int kS8Panels = 1;

  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) {
    const __m512i x = shifted(_mm512_loadu_si512(from));
#pragma GCC unroll 8
    for (std::size_t order = 0; order < kS8OrderCount; ++order) {
      __m512i ordered = _mm512_shuffle_epi8(x, _mm512_load_si512(S8OrderShuffles<Avx512>::kOf.at[order]));
      if (S8OrderShuffles<Avx512>::kOf.negates[order])
        ordered = _mm512_mask_sub_epi8(ordered, 0xaaaaaaaaaaaaaaaaU, _mm512_setzero_si512(), ordered);  // 128 - a
      _mm512_store_si512(to + order * kS8Stretch, ordered);
    }
  }
  [[gnu::always_inline]] static S8Activations s8_unstaged(const std::int8_t* p) { return shifted(s8_activations(p)); }
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) { return add_pairs(sum, _mm512_maddubs_epi16(a, b)); }
};

}  // namespace berth::kernels
