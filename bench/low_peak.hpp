// The peak of one core in low precision, measured as fma_peak.hpp does it: independent accumulators in registers, nothing from memory.
#pragma once

#include <immintrin.h>

#include <cstddef>

#include "kernels/dispatch.hpp"

namespace berth::bench {

// Each runs `steps` steps and returns their operations, two for each product and sum.
__attribute__((target("amx-tile,amx-int8,amx-bf16"))) inline double tile_peak(bool bf16, std::size_t steps) {
  alignas(64) unsigned char config[64] = {};
  config[0] = 1;  // palette
  for (int tile = 0; tile < 8; ++tile) {
    config[16 + 2 * tile] = 64;  // bytes a row
    config[48 + tile] = 16;      // rows
  }
  __asm__ volatile("ldtilecfg %0" : : "m"(config));  // not the intrinsic: GCC 12 believes that it reads eight bytes
  for (std::size_t i = 0; i < steps; ++i) {
    if (bf16) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    } else {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 7);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
  }
  _tile_release();
  return static_cast<double>(steps) * 4 * 16 * 16 * (bf16 ? 32 : 64) * 2;
}

#define BERTH_TWELVE_ACCUMULATORS(type, zero, step) \
  type sum[12];                                     \
  for (type& s : sum) s = zero;                     \
  for (std::size_t i = 0; i < steps; ++i) {         \
    _Pragma("GCC unroll 12") for (type& s : sum) s = step; \
  }                                                 \
  for (type& s : sum) __asm__ volatile("" : : "x"(s));

__attribute__((target("avx512f,avx512vnni"))) inline double vnni512_peak(std::size_t steps) {
  const __m512i x = _mm512_set1_epi8(1);
  BERTH_TWELVE_ACCUMULATORS(__m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(s, x, x))
  return static_cast<double>(steps) * 12 * 64 * 2;
}
__attribute__((target("avx512f,avx512bf16"))) inline double bf16_peak(std::size_t steps) {
  const __m512bh x = {};
  BERTH_TWELVE_ACCUMULATORS(__m512, _mm512_setzero_ps(), _mm512_dpbf16_ps(s, x, x))
  return static_cast<double>(steps) * 12 * 32 * 2;
}
__attribute__((target("avx2,avxvnni"))) inline double vnni256_peak(std::size_t steps) {
  const __m256i x = _mm256_set1_epi8(1);
  BERTH_TWELVE_ACCUMULATORS(__m256i, _mm256_setzero_si256(), _mm256_dpbusd_avx_epi32(s, x, x))
  return static_cast<double>(steps) * 12 * 32 * 2;
}
// What AVX2 has instead of a dot product: products in pairs, pairs of pairs, a sum.
__attribute__((target("avx2"))) inline double maddubs_peak(std::size_t steps) {
  const __m256i x = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  BERTH_TWELVE_ACCUMULATORS(__m256i, _mm256_setzero_si256(), _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_sign_epi8(s, x)), ones)))
  return static_cast<double>(steps) * 12 * 32 * 2;
}
#undef BERTH_TWELVE_ACCUMULATORS

// The peak loop of an instruction set; 0 where it is not known (baseline), or where it has no BF16 products.
inline double low_peak(kernels::Isa isa, bool bf16, std::size_t steps) {
  using kernels::Isa;
  if (isa == Isa::amx) return tile_peak(bf16, steps);
  if (bf16) return isa == Isa::avx512bf16 ? bf16_peak(steps) : 0.0;
  if (isa == Isa::avx512bf16 || isa == Isa::avx512vnni) return vnni512_peak(steps);
  if (isa == Isa::avxvnni) return vnni256_peak(steps);
  return isa == Isa::baseline ? 0.0 : maddubs_peak(steps);
}

}  // namespace berth::bench
