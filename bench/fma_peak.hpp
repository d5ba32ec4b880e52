// The multiply-add peak of one core, measured: 12 independent accumulators in registers, nothing from memory. What a product can reach at most.
#pragma once

#include <immintrin.h>

#include <cstddef>

namespace berth::bench {

constexpr std::size_t kPeakAccumulators = 12;  // 4 cycles of latency on 2 ports need 8; a few more hide what else happens

// Each runs `steps` steps of 12 multiply-adds of `lanes` floats; 2 * 12 * lanes * steps floating point operations. The result only keeps the
// compiler from leaving them out.
__attribute__((target("avx512f"))) inline float fma_peak_avx512(std::size_t steps) {
  __m512 sum[kPeakAccumulators];
  const __m512 x = _mm512_set1_ps(0.999F);
  const __m512 y = _mm512_set1_ps(0.001F);
  for (__m512& s : sum) s = _mm512_set1_ps(0.5F);
  for (std::size_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (__m512& s : sum) s = _mm512_fmadd_ps(s, x, y);
  }
  __m512 total = sum[0];
  for (std::size_t i = 1; i < kPeakAccumulators; ++i) total = _mm512_add_ps(total, sum[i]);
  return _mm512_cvtss_f32(total);
}

__attribute__((target("avx2,fma"))) inline float fma_peak_avx2(std::size_t steps) {
  __m256 sum[kPeakAccumulators];
  const __m256 x = _mm256_set1_ps(0.999F);
  const __m256 y = _mm256_set1_ps(0.001F);
  for (__m256& s : sum) s = _mm256_set1_ps(0.5F);
  for (std::size_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (__m256& s : sum) s = _mm256_fmadd_ps(s, x, y);
  }
  __m256 total = sum[0];
  for (std::size_t i = 1; i < kPeakAccumulators; ++i) total = _mm256_add_ps(total, sum[i]);
  return _mm256_cvtss_f32(total);
}

// Without FMA: a multiplication and an addition that depend on each other, as in a sum of products.
inline float fma_peak_baseline(std::size_t steps) {
  __m128 sum[kPeakAccumulators];
  const __m128 x = _mm_set1_ps(0.999F);
  const __m128 y = _mm_set1_ps(0.001F);
  for (__m128& s : sum) s = _mm_set1_ps(0.5F);
  for (std::size_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (__m128& s : sum) s = _mm_add_ps(_mm_mul_ps(s, x), y);
  }
  __m128 total = sum[0];
  for (std::size_t i = 1; i < kPeakAccumulators; ++i) total = _mm_add_ps(total, sum[i]);
  return _mm_cvtss_f32(total);
}

// The peak loop for vectors of `lanes` floats.
inline float fma_peak(std::size_t lanes, std::size_t steps) {
  return lanes == 16 ? fma_peak_avx512(steps) : lanes == 8 ? fma_peak_avx2(steps) : fma_peak_baseline(steps);
}
inline double fma_peak_flop(std::size_t lanes, std::size_t steps) {
  return 2.0 * static_cast<double>(kPeakAccumulators) * static_cast<double>(lanes) * static_cast<double>(steps);
}

}  // namespace berth::bench
