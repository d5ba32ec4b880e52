// Byte shuffles that bring activations into the orders of kS8Orders.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// Of vectors whose shuffles stay within 16 bytes: four groups of k at a time. The table is the set's own: its objects share nothing with others'.
struct S8Shuffles {
  alignas(64) unsigned char at[kS8OrderCount][64];
  bool negates[kS8OrderCount];

  constexpr S8Shuffles() : at(), negates() {
    for (std::size_t order = 0; order < kS8OrderCount; ++order) {
      negates[order] = kS8Orders[order].negates;
      for (std::size_t i = 0; i < 64; ++i) at[order][i] = static_cast<unsigned char>(i % 16 / 4 * 4 + kS8Orders[order].k[i % 4]);
    }
  }
};
template <class Isa>
struct S8OrderShuffles {
  static constexpr S8Shuffles kOf{};
};

}  // namespace berth::kernels
