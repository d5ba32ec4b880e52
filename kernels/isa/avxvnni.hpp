// AVX-VNNI: AVX2 with the 8-bit dot product on 256-bit registers.
#pragma once

#include "kernels/isa/avx2.hpp"

namespace berth::kernels {

struct AvxVnni : Avx2 {
  // 6 rows x 1 panel: 12 accumulators, 2 vectors of weights, one broadcast.
  static constexpr int kS8Rows = 6;
  static constexpr int kS8Panels = 1;
  using S8Weights = __m256i;
  using S8Activations = __m256i;

  // vpdpbusd multiplies unsigned by signed: activations are shifted by 128, and the sum starts from -128 times the column's sum.
  [[gnu::always_inline]] static I32 s8_start(const std::int32_t* column_sums) {
    return _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column_sums))), 7);
  }
  [[gnu::always_inline]] static S8Weights s8_weights(const std::int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  // 64 activations at a time, shifted.
  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) {
    for (int half = 0; half < 64; half += 32)
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + half),
                         _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half)), _mm256_set1_epi8(-128)));
  }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) { return broadcast4(p); }
  // As assembly for the reason that Avx512Vnni gives.
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
  }
};

}  // namespace berth::kernels
