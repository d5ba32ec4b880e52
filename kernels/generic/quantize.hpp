// Activations to 8 bits and to BF16, a row at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct Quantize {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  // q = round(x / scale) with scale = max|x| / 127: one scale per row, so a row's numbers depend on nothing but the row. Zeros follow up to
  // `padded`. A row of zeros has scale 0. NaN or infinity in x gives a NaN scale, which the products carry on.
  // `factors` multiply the columns first, where they are not null.
  static void f32_rows_to_s8(const float* x, std::size_t stride, std::size_t rows, std::size_t size, const float* factors, std::int8_t* q, std::size_t padded,
                             float* scales) noexcept {
    if (factors == nullptr) {
      rows_to_s8<false>(x, stride, rows, size, nullptr, q, padded, scales);
    } else {
      rows_to_s8<true>(x, stride, rows, size, factors, q, padded, scales);
    }
  }

  static void bf16_rows_to_s8(const std::uint16_t* x, std::size_t stride, std::size_t rows, std::size_t size, std::int8_t* q, std::size_t padded,
                              float* scales) noexcept {
    rows_to_s8<false>(x, stride, rows, size, nullptr, q, padded, scales);
  }

  static void rows_to_bf16(const float* x, std::size_t stride, std::size_t rows, std::size_t size, std::uint16_t* out, std::size_t padded) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    for (std::size_t row = 0; row < rows; ++row, x += stride, out += padded) {
      for (std::size_t i = 0; i < whole; i += kLanes) Isa::store_bf16(out + i, Isa::load(x + i));
      for (std::size_t i = whole; i < padded; i += kLanes) Isa::store_bf16(out + i, i == whole ? Isa::load_partial(x + whole, size - whole) : Isa::set1(0.0F));
    }
  }

 private:
  template <bool kFactors, class Element>
  static void rows_to_s8(const Element* x, std::size_t stride, std::size_t rows, std::size_t size, [[maybe_unused]] const float* factors, std::int8_t* q,
                         std::size_t padded, float* scales) noexcept {
    constexpr std::size_t kStep = 4;  // vectors that go in step
    const std::size_t whole = size / kLanes * kLanes;
    const std::size_t left = size - whole;
    const auto value = [&](std::size_t i) {
      if constexpr (kFactors) return Isa::mul(load(x + i), Isa::load(factors + i));
      return load(x + i);
    };
    const auto last = [&] {
      if constexpr (kFactors) return Isa::mul(partial(x + whole, left), Isa::load_partial(factors + whole, left));
      return partial(x + whole, left);
    };
    for (std::size_t row = 0; row < rows; ++row, x += stride, q += padded) {
      F32 largest[kStep];
      for (F32& l : largest) l = Isa::set1(0.0F);
      std::size_t i = 0;
      for (; i + kStep * kLanes <= whole; i += kStep * kLanes)
        for (std::size_t v = 0; v < kStep; ++v) largest[v] = Isa::max_magnitude(largest[v], value(i + v * kLanes));
      for (; i < whole; i += kLanes) largest[0] = Isa::max_magnitude(largest[0], value(i));
      if (left > 0) largest[1] = Isa::max_magnitude(largest[1], last());
      const F32 both = Isa::max_magnitude(Isa::max_magnitude(largest[0], largest[1]), Isa::max_magnitude(largest[2], largest[3]));
      const float maximum = Isa::reduce_max(both);
      scales[row] = maximum * (1.0F / 127.0F) + Isa::reduce_add(Isa::sub(both, both));  // infinity and NaN become NaN; a maximum alone may lose the latter
      const F32 inverse = Isa::set1(maximum > 0.0F ? 127.0F / maximum : 0.0F);
      for (i = 0; i + kStep * kLanes <= whole; i += kStep * kLanes) {
        F32 scaled[kStep];
        for (std::size_t v = 0; v < kStep; ++v) scaled[v] = Isa::mul(value(i + v * kLanes), inverse);
        Isa::store_s8(q + i, scaled);
      }
      for (; i < whole; i += kLanes) Isa::store_s8(q + i, Isa::mul(value(i), inverse));
      for (; i < padded; i += kLanes) Isa::store_s8(q + i, i == whole && left > 0 ? Isa::mul(last(), inverse) : Isa::set1(0.0F));
    }
  }

  static F32 load(const float* x) noexcept { return Isa::load(x); }
  static F32 load(const std::uint16_t* x) noexcept { return Isa::load_bf16(x); }
  static F32 partial(const float* x, std::size_t count) noexcept { return Isa::load_partial(x, count); }
  static F32 partial(const std::uint16_t* x, std::size_t count) noexcept {
    alignas(64) std::uint16_t lanes[kLanes] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i] = x[i];
    return Isa::load_bf16(lanes);
  }
};

}  // namespace berth::kernels
