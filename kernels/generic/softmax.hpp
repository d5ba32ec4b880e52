// The softmax of a row of attention scores, up to its division: numerators and their sum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct Softmax {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  // The numerators e^(scale (x[i] - max)) of i < size rounded to BF16 in w[0, size), and their sum before the rounding; for the rest as below.
  static float numerators_low(float* x, std::size_t size, std::size_t padded, float scale, std::uint16_t* w) noexcept {
    constexpr int kStep = 4;  // vectors that go in step
    const F32 maximum = Isa::set1(maximum_of(x, size, padded));
    const F32 factor = Isa::set1(scale * 1.44269504F);
    F32 sum = Isa::set1(0.0F);
    const auto numerators_of = [&](const float* from, auto& e) {
      for (std::size_t v = 0; v < sizeof(e) / sizeof(e[0]); ++v) e[v] = Isa::mul(Isa::sub(Isa::load(from + v * kLanes), maximum), factor);
      VectorMath<Isa>::exp2_of_nonpositive_low(e);
    };
    std::size_t i = 0;
    for (; i + kStep * kLanes <= size; i += kStep * kLanes) {
      F32 e[kStep];
      numerators_of(x + i, e);
      for (int v = 0; v < kStep; v += 2) Isa::store_bf16(w + i + static_cast<std::size_t>(v) * kLanes, e[v], e[v + 1]);
      sum = Isa::add(sum, Isa::add(Isa::add(e[0], e[1]), Isa::add(e[2], e[3])));
    }
    for (; i < size; i += kLanes) {
      F32 e[1];
      numerators_of(x + i, e);
      if (i + kLanes <= size) {
        Isa::store_bf16(w + i, e[0]);
        sum = Isa::add(sum, e[0]);
        continue;
      }
      Isa::store(x + i, e[0]);
      e[0] = Isa::load_partial(x + i, size - i);
      alignas(64) std::uint16_t lanes[kLanes];
      Isa::store_bf16(lanes, e[0]);
      for (std::size_t j = 0; j < size - i; ++j) w[i + j] = lanes[j];
      sum = Isa::add(sum, e[0]);
    }
    return Isa::reduce_add(sum);
  }

  // Hands e^(scale (x[i] - max)) to store(i, vector) for each vector of i < size, zeros in the lanes from `size` on, and returns their sum. x has
  // room for `padded` values, a whole number of vectors; what lies beyond `size` is overwritten.
  template <class Store>
  static float numerators(float* x, std::size_t size, std::size_t padded, float scale, Store store) noexcept {
    const F32 maximum = Isa::set1(maximum_of(x, size, padded));
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

 private:
  // Of x[0, size); what is beyond, up to `padded`, is overwritten.
  static float maximum_of(float* x, std::size_t size, std::size_t padded) noexcept {
    // Minus infinity, not a large finite number: a row whose scores have all overflowed to it must give NaN, not equal weights.
    const float lowest = -__builtin_inff();
    for (std::size_t i = size; i < padded; ++i) x[i] = lowest;
    F32 largest = Isa::set1(lowest);
    for (std::size_t i = 0; i < padded; i += kLanes) largest = Isa::max(largest, Isa::load(x + i));
    return Isa::reduce_max(largest);
  }
};

}  // namespace berth::kernels
