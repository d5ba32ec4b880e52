// AVX-512 with VNNI: the 8-bit dot product on 512-bit registers.
#pragma once

#include "kernels/isa/avx512.hpp"

namespace berth::kernels {

struct Avx512Vnni : Avx512::Unsigned {
  // 9 rows x 3 panels, as the FP32 tile: 27 accumulators, 3 vectors of weights, one broadcast.
  static constexpr int kS8Rows = 9;
  static constexpr int kS8Panels = 3;

  // As assembly: GCC 12 puts a register move before every dot product that it makes of the intrinsic, which halves the rate.
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
};

}  // namespace berth::kernels
