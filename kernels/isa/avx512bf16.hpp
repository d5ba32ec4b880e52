// AVX-512 with BF16: products of pairs of BF16 summed in FP32.
#pragma once

#include "kernels/isa/avx512vnni.hpp"

namespace berth::kernels {

struct Avx512Bf16 : Avx512Vnni {
  // What has this set and no AMX are AMD's cores from Zen 4 on, where up to 16 rows are 1.2 to 2 times as fast so. Intel's are slower so: one Xeon of 2020, and
  // those whose tiles the operating system withholds.
  static constexpr bool kReadsAhead = true;
  static constexpr int kBf16Rows = 9;
  static constexpr int kBf16Panels = 3;
  using Bf16Pairs = __m512bh;

  // As the integer arithmetic it replaces, but that subnormal numbers become zero, which the products take them for anyway.
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
  // Two at once take the time of one.
  [[gnu::always_inline]] static void store_bf16(std::uint16_t* p, F32 x, F32 next) {
    _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(next, x)));
  }
  [[gnu::always_inline]] static Bf16Pairs bf16_weights(const std::uint16_t* p) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p)); }
  [[gnu::always_inline]] static Bf16Pairs bf16_activations(const std::uint16_t* p) {
    int pair = 0;
    __builtin_memcpy(&pair, p, sizeof(pair));
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
  }
  [[gnu::always_inline]] static F32 bf16_step(F32 sum, Bf16Pairs a, Bf16Pairs b) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));  // as s8_step
    return sum;
  }
};

}  // namespace berth::kernels
