#include "kernels/peak.hpp"

#include <immintrin.h>

namespace berth::kernels {
namespace {

constexpr std::size_t kAccumulators = 12;  // 4 cycles of latency on 2 ports need 8; a few more hide what else happens

// kAccumulators sums, `step` on each of them in every step. That they are used keeps the compiler from leaving them out.
#define BERTH_ACCUMULATE(type, zero, step)                  \
  type sum[kAccumulators];                                  \
  for (type & s : sum) s = zero;                            \
  for (std::size_t i = 0; i < steps; ++i) {                 \
    _Pragma("GCC unroll 12") for (type & s : sum) s = step; \
  }                                                         \
  for (type & s : sum) __asm__ volatile("" : : "x"(s));

double operations(std::size_t steps, std::size_t products) {
  return 2.0 * static_cast<double>(kAccumulators) * static_cast<double>(products) * static_cast<double>(steps);
}

__attribute__((target("avx512f"))) double f32_avx512(std::size_t steps) {
  const __m512 x = _mm512_set1_ps(0.999F), y = _mm512_set1_ps(0.001F);
  BERTH_ACCUMULATE(__m512, y, _mm512_fmadd_ps(s, x, y))
  return operations(steps, 16);
}

__attribute__((target("avx2,fma"))) double f32_avx2(std::size_t steps) {
  const __m256 x = _mm256_set1_ps(0.999F), y = _mm256_set1_ps(0.001F);
  BERTH_ACCUMULATE(__m256, y, _mm256_fmadd_ps(s, x, y))
  return operations(steps, 8);
}

// Without FMA: a multiplication and an addition that depend on each other, as in a sum of products.
double f32_baseline(std::size_t steps) {
  const __m128 x = _mm_set1_ps(0.999F), y = _mm_set1_ps(0.001F);
  BERTH_ACCUMULATE(__m128, y, _mm_add_ps(_mm_mul_ps(s, x), y))
  return operations(steps, 4);
}

// Four tiles of sums by two tiles each of rows and columns.
__attribute__((target("amx-tile,amx-int8,amx-bf16"))) double tiles(bool bf16, std::size_t steps) {
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

__attribute__((target("avx512f,avx512bf16"))) double bf16_avx512(std::size_t steps) {
  const __m512bh x = {};
  BERTH_ACCUMULATE(__m512, _mm512_setzero_ps(), _mm512_dpbf16_ps(s, x, x))
  return operations(steps, 32);
}

__attribute__((target("avx512f,avx512vnni"))) double int8_vnni512(std::size_t steps) {
  const __m512i x = _mm512_set1_epi8(1);
  BERTH_ACCUMULATE(__m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(s, x, x))
  return operations(steps, 64);
}

__attribute__((target("avx2,avxvnni"))) double int8_vnni256(std::size_t steps) {
  const __m256i x = _mm256_set1_epi8(1);
  BERTH_ACCUMULATE(__m256i, _mm256_setzero_si256(), _mm256_dpbusd_avx_epi32(s, x, x))
  return operations(steps, 32);
}

// What there is without a dot product: products in pairs, pairs of pairs, a sum. The products would be the same in every step, and made once, if the
// compiler knew.
__attribute__((target("avx2"), always_inline)) inline __m256i unknown(__m256i x) {
  __asm__ volatile("" : "+x"(x));
  return x;
}
__attribute__((target("avx2"))) double int8_avx2(std::size_t steps) {
  const __m256i x = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  BERTH_ACCUMULATE(__m256i, _mm256_setzero_si256(), _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(unknown(x), x), ones)))
  return operations(steps, 32);
}
__attribute__((target("avx512f,avx512bw"), always_inline)) inline __m512i unknown(__m512i x) {
  __asm__ volatile("" : "+v"(x));
  return x;
}
__attribute__((target("avx512f,avx512bw"))) double int8_avx512(std::size_t steps) {
  const __m512i x = _mm512_set1_epi8(1), ones = _mm512_set1_epi16(1);
  BERTH_ACCUMULATE(__m512i, _mm512_setzero_si512(), _mm512_add_epi32(s, _mm512_madd_epi16(_mm512_maddubs_epi16(unknown(x), x), ones)))
  return operations(steps, 64);
}

// SSE2: bytes are widened, products of 16 bits added in pairs.
double int8_baseline(std::size_t steps) {
  const __m128i x = _mm_set1_epi16(1);
  BERTH_ACCUMULATE(__m128i, _mm_setzero_si128(), _mm_add_epi32(s, _mm_madd_epi16(_mm_xor_si128(s, x), x)))
  return operations(steps, 8);
}
#undef BERTH_ACCUMULATE

}  // namespace

double run_peak_f32(std::size_t lanes, std::size_t steps) { return lanes == 16 ? f32_avx512(steps) : lanes == 8 ? f32_avx2(steps) : f32_baseline(steps); }

double run_peak_low(Isa isa, bool bf16, std::size_t steps) {
  if (isa == Isa::amx) return tiles(bf16, steps);
  if (bf16) return isa == Isa::avx512bf16 ? bf16_avx512(steps) : 0.0;
  if (isa == Isa::avx512bf16 || isa == Isa::avx512vnni) return int8_vnni512(steps);
  if (isa == Isa::avxvnni) return int8_vnni256(steps);
  if (isa == Isa::avx512) return int8_avx512(steps);
  return isa == Isa::baseline ? int8_baseline(steps) : int8_avx2(steps);
}

}  // namespace berth::kernels
