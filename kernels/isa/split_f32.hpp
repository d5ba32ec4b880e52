// A float as the exact sum of three BF16 numbers of 8 bits each: every part is the upper half of what the parts before left over.
#pragma once

#include <immintrin.h>

#include <cstddef>

#include "kernels/isa_concepts.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct SplitF32 {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kParts = 3;

  enum class Order {
    of_a_row,     // x is followed by y
    of_two_rows,  // x[i] and y[i] are a pair
  };
  // Three lines of BF16, `part` bytes apart.
  template <Order order>
  [[gnu::always_inline]] static void split(F32 x, F32 y, unsigned char* to, std::size_t part) noexcept {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
    for (std::size_t i = 0; i < kParts; ++i) {
      const __m512i a = _mm512_castps_si512(x);
      const __m512i b = _mm512_castps_si512(y);
      const __m512i both =
          order == Order::of_a_row ? _mm512_permutex2var_epi16(a, upper_halves(), b) : _mm512_mask_shuffle_epi8(b, 0x3333333333333333U, a, upper_to_lower());
      _mm512_store_si512(reinterpret_cast<__m512i*>(to + i * part), both);
      x = _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_and_si512(a, upper)));
      y = _mm512_sub_ps(y, _mm512_castsi512_ps(_mm512_and_si512(b, upper)));
    }
  }

 private:
  [[gnu::always_inline]] static __m512i upper_halves() noexcept {
    return _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  }

  // Bytes 2 and 3 of every float to its bytes 0 and 1.
  [[gnu::always_inline]] static __m512i upper_to_lower() noexcept {
    return _mm512_set_epi32(0x0F0E0F0E, 0x0B0A0B0A, 0x07060706, 0x03020302, 0x0F0E0F0E, 0x0B0A0B0A, 0x07060706, 0x03020302, 0x0F0E0F0E, 0x0B0A0B0A, 0x07060706,
                            0x03020302, 0x0F0E0F0E, 0x0B0A0B0A, 0x07060706, 0x03020302);
  }
};

}  // namespace berth::kernels
