// AVX2 with FMA and F16C: 16 registers of 8 floats.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa/order_shuffles.hpp"

namespace berth::kernels {

struct Avx2 {
  struct Unsigned;  // INT8 in other ways, below
  struct BoundedPairs;

  using F32 = __m256;
  static constexpr std::size_t kLanes = 8;
  // 6 x 16: 12 accumulators, 2 vectors of B, one broadcast of A: 15 of 16 registers; 8 loads feed 12 multiply-adds.
  static constexpr int kTileRows = 6;
  static constexpr std::size_t kPairRows = 2;  // 2 x 2 x 2 accumulators
  static constexpr int kTileVectors = 2;

  [[gnu::always_inline]] static F32 load(const float* p) { return _mm256_loadu_ps(p); }
  [[gnu::always_inline]] static F32 load_partial(const float* p, std::size_t count) { return _mm256_maskload_ps(p, mask(count)); }
  [[gnu::always_inline]] static void store(float* p, F32 x) { _mm256_storeu_ps(p, x); }
  [[gnu::always_inline]] static void store_partial(float* p, F32 x, std::size_t count) { _mm256_maskstore_ps(p, mask(count), x); }
  [[gnu::always_inline]] static F32 load_f32_bytes(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  [[gnu::always_inline]] static F32 load_f16(const void* p) { return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
  [[gnu::always_inline]] static F32 load_bf16(const void* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  [[gnu::always_inline]] static void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
  [[gnu::always_inline]] static F32 set1(float x) { return _mm256_set1_ps(x); }
  [[gnu::always_inline]] static F32 add(F32 x, F32 y) { return _mm256_add_ps(x, y); }
  [[gnu::always_inline]] static F32 sub(F32 x, F32 y) { return _mm256_sub_ps(x, y); }
  [[gnu::always_inline]] static F32 mul(F32 x, F32 y) { return _mm256_mul_ps(x, y); }
  [[gnu::always_inline]] static F32 div(F32 x, F32 y) { return _mm256_div_ps(x, y); }
  [[gnu::always_inline]] static F32 fma(F32 x, F32 y, F32 z) { return _mm256_fmadd_ps(x, y, z); }
  [[gnu::always_inline]] static F32 min(F32 x, F32 y) { return _mm256_min_ps(x, y); }
  [[gnu::always_inline]] static F32 max(F32 x, F32 y) { return _mm256_max_ps(x, y); }
  [[gnu::always_inline]] static F32 abs(F32 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x); }
  [[gnu::always_inline]] static F32 clamp_magnitude(F32 x, F32 limit) { return _mm256_or_ps(min(abs(x), limit), _mm256_and_ps(x, _mm256_set1_ps(-0.0F))); }
  [[gnu::always_inline]] static F32 max_magnitude(F32 largest, F32 x) {
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(largest), _mm256_castps_si256(abs(x))));
  }
  [[gnu::always_inline]] static F32 sqrt(F32 x) { return _mm256_sqrt_ps(x); }
  [[gnu::always_inline]] static F32 round(F32 x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  [[gnu::always_inline]] static F32 scale_by_power_of_two(F32 x, F32 n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
  }
  [[gnu::always_inline]] static F32 select_less(F32 a, F32 b, F32 then, F32 otherwise) {
    return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  [[gnu::always_inline]] static float reduce_add(F32 x) {
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
  }
  [[gnu::always_inline]] static float reduce_max(F32 x) {
    const __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
  }
  [[gnu::always_inline]] static float first(F32 x) { return _mm256_cvtss_f32(x); }
  // m[i][j] <-> m[j][i]: pairs within 128-bit halves first, then the halves.
  [[gnu::always_inline]] static void transpose(F32 (&m)[kLanes]) {
    F32 t[kLanes];
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(m[i], m[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(m[i], m[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      m[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      m[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      m[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      m[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm256_permute2f128_ps(m[i], m[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(m[i], m[i + 4], 0x31);
    }
    for (int i = 0; i < 8; ++i) m[i] = t[i];
  }

  // INT8 without a dot-product instruction: |a| times b with a's sign, in pairs that cannot saturate 16 bits (127 * 127 * 2 = 32,258), then
  // pairs of pairs. 4 rows x 1 panel: 8 accumulators, 2 vectors of weights, an activation with its absolute value, ones, and two temporaries.
  static constexpr int kS8Rows = 4;
  static constexpr int kS8Panels = 1;
  using I32 = __m256i;
  using S8Weights = __m256i;
  struct S8Activations {
    __m256i value;
    __m256i magnitude;
  };
  [[gnu::always_inline]] static I32 load_i32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  [[gnu::always_inline]] static void store_i32(void* p, I32 x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
  [[gnu::always_inline]] static F32 to_f32(I32 x) { return _mm256_cvtepi32_ps(x); }
  [[gnu::always_inline]] static I32 s8_start(const std::int32_t*) { return _mm256_setzero_si256(); }
  [[gnu::always_inline]] static S8Weights s8_weights(const std::int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) {
    const __m256i value = broadcast4(p);
    return {value, _mm256_abs_epi8(value)};
  }
  [[gnu::always_inline]] static I32 s8_step(I32 sum, const S8Activations& a, S8Weights b) {
    const __m256i pairs = _mm256_maddubs_epi16(a.magnitude, _mm256_sign_epi8(b, a.value));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  // Rounds to nearest; x is within [-127, 127] but for NaN.
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, F32 x) {
    const __m256i wide = _mm256_cvtps_epi32(x);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
  }
  [[gnu::always_inline]] static void store_s8(std::int8_t* p, const F32 (&x)[4]) {
    for (std::size_t v = 0; v < 4; ++v) store_s8(p + v * kLanes, x[v]);
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x, F32 next) {
    store_bf16(p, x);
    store_bf16(p + kLanes, next);
  }
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));  // a NaN keeps its upper half and a set bit
    const __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    const __m256i kept = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(is_nan)), 16);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(_mm256_castsi256_si128(kept), _mm256_extracti128_si256(kept, 1)));
  }

 protected:
  // Four activations, repeated.
  [[gnu::always_inline]] static __m256i broadcast4(const std::int8_t* p) {
    int four = 0;
    __builtin_memcpy(&four, p, sizeof(four));
    return _mm256_set1_epi32(four);
  }

 private:
  [[gnu::always_inline]] static __m256i mask(std::size_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
  }
};

// INT8 with unsigned activations, as instructions that multiply unsigned by signed bytes want them: shifted by 128, the sum starting from -128 times the
// column's sum. 6 rows x 1 panel: 12 accumulators, 2 vectors of weights, one broadcast.
struct Avx2::Unsigned : Avx2 {
  static constexpr int kS8Rows = 6;
  static constexpr int kS8Panels = 1;
  using S8Activations = __m256i;

  [[gnu::always_inline]] static I32 s8_start(const std::int32_t* column_sums) {
    return _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column_sums))), 7);
  }
  // 64 activations at a time, shifted.
  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) {
    for (int half = 0; half < 64; half += 32)
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + half), shifted(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half))));
  }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) { return broadcast4(p); }

 protected:
  [[gnu::always_inline]] static __m256i shifted(__m256i x) { return _mm256_xor_si256(x, _mm256_set1_epi8(-128)); }
};

// Products of pairs whose weights are bounded (PackedS8::bound_pairs) fit 16 bits without magnitudes and signs: 255 * 128 = 32,640.
struct Avx2::BoundedPairs : Avx2::Unsigned {
  // 64 activations, shifted, in all orders.
  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) {
    for (std::size_t half = 0; half < 64; half += 32) {
      const __m256i x = shifted(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half)));
#pragma GCC unroll 8
      for (std::size_t order = 0; order < kS8OrderCount; ++order) {
        __m256i ordered = _mm256_shuffle_epi8(x, _mm256_load_si256(reinterpret_cast<const __m256i*>(S8OrderShuffles<Avx2>::kOf.at[order])));
        if (S8OrderShuffles<Avx2>::kOf.negates[order]) ordered = _mm256_sign_epi8(ordered, _mm256_set1_epi16(static_cast<short>(0xff01)));  // 128 - a
        _mm256_store_si256(reinterpret_cast<__m256i*>(to + order * kS8Stretch + half), ordered);
      }
    }
  }
  // Four activations that were not staged.
  [[gnu::always_inline]] static S8Activations s8_unstaged(const std::int8_t* p) { return shifted(broadcast4(p)); }
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
  }
};

}  // namespace berth::kernels
