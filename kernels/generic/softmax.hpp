// The softmax of a row of attention scores, up to its division: numerators and their sum.
#pragma once

#include <cstddef>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct Softmax {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  // Hands e^(scale (x[i] - max)) to store(i, vector) for each vector of i < size, zeros in the lanes from `size` on, and returns their sum. x has
  // room for `padded` values, a whole number of vectors; what lies beyond `size` is overwritten.
  template <class Store>
  static float numerators(float* x, std::size_t size, std::size_t padded, float scale, Store store) noexcept {
    // Minus infinity, not a large finite number: a row whose scores have all overflowed to it must give NaN, not equal weights.
    const float lowest = -__builtin_inff();
    for (std::size_t i = size; i < padded; ++i) x[i] = lowest;
    F32 largest = Isa::set1(lowest);
    for (std::size_t i = 0; i < padded; i += kLanes) largest = Isa::max(largest, Isa::load(x + i));
    const F32 maximum = Isa::set1(Isa::reduce_max(largest));
    const F32 factor = Isa::set1(scale * 1.44269504F);  // to powers of two: e^y = 2^(y log2 e)
    // Not one multiply-add with -max * scale: its rounding would leave the largest exponent off 0 by half a unit of the scaled score.
    const auto numerator = [&](F32 score) { return VectorMath<Isa>::exp2_of_nonpositive(Isa::mul(Isa::sub(score, maximum), factor)); };
    F32 sum = Isa::set1(0.0F);
    std::size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
      const F32 e = numerator(Isa::load(x + i));
      store(i, e);
      sum = Isa::add(sum, e);
    }
    if (i < size) {
      Isa::store(x + i, numerator(Isa::load(x + i)));
      const F32 e = Isa::load_partial(x + i, size - i);
      store(i, e);
      sum = Isa::add(sum, e);
    }
    return Isa::reduce_add(sum);
  }
};

}  // namespace berth::kernels
