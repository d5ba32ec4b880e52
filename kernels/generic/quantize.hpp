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
  template <class Element>
  static void rows_to_s8(const Element* x, std::size_t stride, std::size_t rows, std::size_t size, std::int8_t* q, std::size_t padded, float* scales) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    const std::size_t left = size - whole;
    for (std::size_t row = 0; row < rows; ++row, x += stride, q += padded) {
      F32 largest = Isa::set1(0.0F);
      F32 bad = Isa::set1(0.0F);  // 0 for finite values, NaN otherwise: a maximum would lose it
      const auto look = [&](F32 value) {
        largest = Isa::max(largest, Isa::abs(value));
        bad = Isa::add(bad, Isa::sub(value, value));
      };
      for (std::size_t i = 0; i < whole; i += kLanes) look(load(x + i));
      if (left > 0) look(partial(x + whole, left));
      const float maximum = Isa::reduce_max(largest);
      scales[row] = maximum * (1.0F / 127.0F) + Isa::reduce_add(bad);
      const F32 inverse = Isa::set1(maximum > 0.0F ? 127.0F / maximum : 0.0F);
      for (std::size_t i = 0; i < whole; i += kLanes) Isa::store_s8(q + i, Isa::mul(load(x + i), inverse));
      for (std::size_t i = whole; i < padded; i += kLanes)
        Isa::store_s8(q + i, i == whole ? Isa::mul(partial(x + whole, left), inverse) : Isa::set1(0.0F));
    }
  }

  static void rows_to_bf16(const float* x, std::size_t stride, std::size_t rows, std::size_t size, std::uint16_t* out, std::size_t padded) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    for (std::size_t row = 0; row < rows; ++row, x += stride, out += padded) {
      for (std::size_t i = 0; i < whole; i += kLanes) Isa::store_bf16(out + i, Isa::load(x + i));
      for (std::size_t i = whole; i < padded; i += kLanes)
        Isa::store_bf16(out + i, i == whole ? Isa::load_partial(x + whole, size - whole) : Isa::set1(0.0F));
    }
  }

 private:
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
