// AVX-512 with VNNI: the 8-bit dot product on 512-bit registers.
#pragma once

#include "kernels/isa/avx512.hpp"

namespace berth::kernels {

struct Avx512Vnni : Avx512 {
  // 9 rows x 3 panels, as the FP32 tile: 27 accumulators, 3 vectors of weights, one broadcast.
  static constexpr int kS8Rows = 9;
  static constexpr int kS8Panels = 3;
  using I32 = __m512i;
  using S8Weights = __m512i;
  using S8Activations = __m512i;

  [[gnu::always_inline]] static I32 load_i32(const void* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static void store_i32(void* p, I32 x) { _mm512_storeu_si512(p, x); }
  [[gnu::always_inline]] static F32 to_f32(I32 x) { return _mm512_cvtepi32_ps(x); }
  // vpdpbusd multiplies unsigned by signed: activations are shifted by 128, and the sum starts from -128 times the column's sum.
  [[gnu::always_inline]] static I32 s8_start(const std::int32_t* column_sums) {
    return _mm512_slli_epi32(_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(column_sums)), 7);
  }
  [[gnu::always_inline]] static S8Weights s8_weights(const std::int8_t* p) { return _mm512_loadu_si512(p); }
  // 64 activations at a time, shifted.
  [[gnu::always_inline]] static void s8_stage(std::int8_t* to, const std::int8_t* from) {
    _mm512_store_si512(to, _mm512_xor_si512(_mm512_loadu_si512(from), _mm512_set1_epi8(-128)));
  }
  [[gnu::always_inline]] static S8Activations s8_activations(const std::int8_t* p) {
    int four = 0;
    __builtin_memcpy(&four, p, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  // As assembly: GCC 12 puts a register move before every dot product that it makes of the intrinsic, which halves the rate.
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
};

}  // namespace berth::kernels
