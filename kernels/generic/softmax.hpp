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

  // For each of `rows` rows of x, row stride ldx, of sizes[row] values, no fewer than the row before: the numerators e^(scale (x[i] - max)) rounded to BF16
  // in w, row stride ldw, and sums[row], their sum before the rounding. x has room for `padded` values, a whole number of vectors; what lies beyond a row's
  // size is overwritten. Where that are whole pairs of vectors, as it is for several rows, w has room for as many, too, and gets zeros there: a row's end is
  // then no case of its own. The rows go in step: one alone is a chain of a maximum, an exponential and a sum that wait for each other, and the processor
  // does not look far enough ahead to fill the gaps. What a row gets is the same alone.
  template <int rows>
  static void numerators_low(float* x, std::size_t ldx, const std::size_t* sizes, std::size_t padded, float scale, std::uint16_t* w, std::size_t ldw,
                             float* sums) noexcept {
    F32 maximum[rows];
    maximum_of<rows>(x, ldx, sizes, padded, maximum);
    const F32 factor = Isa::set1(scale * 1.44269504F);
    // One multiply-add with the scaled maximum: its rounding shifts all of a row's exponents alike, which the division takes out again.
    F32 shift[rows];
    for (int r = 0; r < rows; ++r) shift[r] = Isa::mul(Isa::sub(Isa::set1(0.0F), maximum[r]), factor);
    F32 sum[rows];
    for (int r = 0; r < rows; ++r) sum[r] = Isa::set1(0.0F);
    const auto row_of = [](int r) { return static_cast<std::size_t>(r); };
    std::size_t i = 0;
    const std::size_t in_pairs = padded % (2 * kLanes) == 0 ? padded : sizes[0];
    for (; i + 2 * kLanes <= in_pairs; i += 2 * kLanes) {
      F32 e[2 * rows];
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2; ++v) e[2 * r + v] = Isa::fma(Isa::load(x + row_of(r) * ldx + i + row_of(v) * kLanes), factor, shift[r]);
      VectorMath<Isa>::exp2_low(e);
      for (int r = 0; r < rows; ++r) {
        Isa::store_bf16(w + row_of(r) * ldw + i, e[2 * r], e[2 * r + 1]);
        sum[r] = Isa::add(sum[r], Isa::add(e[2 * r], e[2 * r + 1]));
      }
    }
    for (int r = 0; r < rows; ++r)
      sums[r] = Isa::reduce_add(Isa::add(sum[r], rest_low(x + row_of(r) * ldx, i, sizes[r], factor, shift[r], w + row_of(r) * ldw)));
  }

  // A part of that for scores known to be small, which need no maximum: w[0, size) = 2^(factor x[i]), factor x[i] <= 127, rounded to BF16; `size` is whole
  // pairs of vectors. Adds the rounded numbers to sum, by lanes: the largest is not 1 here, as it is above, and its rounding would show in the result.
  // For sets with products of BF16.
  template <int rows>
  static void bounded_low(const float* x, std::size_t ldx, std::size_t size, F32 factor, std::uint16_t* w, std::size_t ldw, F32* sum) noexcept {
    const auto row_of = [](int r) { return static_cast<std::size_t>(r); };
    for (std::size_t i = 0; i < size; i += 2 * kLanes) {
      F32 e[2 * rows];
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2; ++v) e[2 * r + v] = Isa::mul(Isa::load(x + row_of(r) * ldx + i + row_of(v) * kLanes), factor);
      VectorMath<Isa>::exp2_low(e);
      for (int r = 0; r < rows; ++r) {
        std::uint16_t* to = w + row_of(r) * ldw + i;
        Isa::store_bf16(to, e[2 * r], e[2 * r + 1]);
        sum[r] = Isa::bf16_step(sum[r], Isa::bf16_weights(to), Isa::bf16_activations(kOnes));
      }
    }
  }

  // For each of `rows` rows of x, row stride ldx, of sizes[row] values, no fewer than the row before: x[i] = e^(scale (x[i] - max)), zeros from there on, and
  // sums[row] of them. x has room for `padded` values, the longest row's up to a whole vector. In step as above.
  template <int rows>
  static void numerators(float* x, std::size_t ldx, const std::size_t* sizes, std::size_t padded, float scale, float* sums) noexcept {
    F32 maximum[rows];
    maximum_of<rows>(x, ldx, sizes, padded, maximum);
    const F32 factor = Isa::set1(scale * 1.44269504F);  // to powers of two: e^y = 2^(y log2 e)
    const auto row = [&](int r) { return x + static_cast<std::size_t>(r) * ldx; };
    F32 sum[rows];
    for (int r = 0; r < rows; ++r) sum[r] = Isa::set1(0.0F);
    F32 e[rows];
    std::size_t i = 0;
    const auto exponentials = [&] {
      // Not one multiply-add with -max * scale: its rounding would leave the largest exponent off 0 by half a unit of the scaled score.
      for (int r = 0; r < rows; ++r) e[r] = Isa::mul(Isa::sub(Isa::load(row(r) + i), maximum[r]), factor);
      VectorMath<Isa>::exp2_of_nonpositive(e);
      for (int r = 0; r < rows; ++r) Isa::store(row(r) + i, e[r]);
    };
    for (; i + kLanes <= sizes[0]; i += kLanes) {
      exponentials();
      for (int r = 0; r < rows; ++r) sum[r] = Isa::add(sum[r], e[r]);
    }
    for (; i < padded; i += kLanes) {
      exponentials();
      for (int r = 0; r < rows; ++r) {
        const std::size_t left = sizes[r] > i ? sizes[r] - i : 0;
        if (left < kLanes) e[r] = Isa::load_partial(row(r) + i, left);
        Isa::store(row(r) + i, e[r]);
        sum[r] = Isa::add(sum[r], e[r]);
      }
    }
    for (int r = 0; r < rows; ++r) sums[r] = Isa::reduce_add(sum[r]);
  }

 private:
  static constexpr std::uint16_t kOnes[2] = {0x3f80, 0x3f80};  // a pair of BF16

  // The maximum of each row's values in all lanes; what is beyond, up to `padded`, is overwritten.
  template <int rows>
  static void maximum_of(float* x, std::size_t ldx, const std::size_t* sizes, std::size_t padded, F32 (&largest)[rows]) noexcept {
    // Minus infinity, not a large finite number: a row whose scores have all overflowed to it must give NaN, not equal weights.
    const float lowest = -__builtin_inff();
    const auto row = [&](int r) { return x + static_cast<std::size_t>(r) * ldx; };
    for (int r = 0; r < rows; ++r) {
      for (std::size_t i = sizes[r]; i < padded; ++i) row(r)[i] = lowest;
      largest[r] = Isa::set1(lowest);
    }
    for (std::size_t i = 0; i < padded; i += kLanes)
      for (int r = 0; r < rows; ++r) largest[r] = Isa::max(largest[r], Isa::load(row(r) + i));
    for (int r = 0; r < rows; ++r) largest[r] = Isa::set1(Isa::reduce_max(largest[r]));
  }

  // The end of a row, from i on: less than two vectors. Returns its numerators, added up by lanes.
  static F32 rest_low(float* x, std::size_t i, std::size_t size, F32 factor, F32 shift, std::uint16_t* w) noexcept {
    F32 sum = Isa::set1(0.0F);
    for (; i < size; i += kLanes) {
      F32 e[1] = {Isa::fma(Isa::load(x + i), factor, shift)};
      VectorMath<Isa>::exp2_low(e);
      alignas(64) std::uint16_t lanes[kLanes];
      Isa::store_bf16(lanes, e[0]);
      const std::size_t valid = size - i < kLanes ? size - i : kLanes;
      for (std::size_t j = 0; j < valid; ++j) w[i + j] = lanes[j];
      if (valid < kLanes) {
        Isa::store(x + i, e[0]);
        e[0] = Isa::load_partial(x + i, valid);
      }
      sum = Isa::add(sum, e[0]);
    }
    return sum;
  }
};

}  // namespace berth::kernels
