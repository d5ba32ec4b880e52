// AVX-VNNI: AVX2 with the 8-bit dot product on 256-bit registers.
#pragma once

#include "kernels/isa/avx2.hpp"

namespace berth::kernels {

struct AvxVnni : Avx2::Unsigned {
  // As assembly for the reason that Avx512Vnni gives.
  [[gnu::always_inline]] static I32 s8_step(I32 sum, S8Activations a, S8Weights b) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
  }
};

}  // namespace berth::kernels
