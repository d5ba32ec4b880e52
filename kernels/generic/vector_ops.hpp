// Loops over one vector: activations, softmax rows, table rows, and what pooling needs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/attention_f32.hpp"
#include "kernels/generic/math.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct VectorOps {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  static void activate(float* x, std::size_t count, Activation activation) noexcept {
    with_activation(activation, [&](auto tag) {
      constexpr Activation kind = decltype(tag)::value;
      map(x, count, [](F32 value) { return VectorMath<Isa>::template activate<kind>(value); });
    });
  }

  static void softmax(float* x, std::size_t rows, std::size_t size) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    for (std::size_t row = 0; row < rows; ++row, x += size) {
      float maximum = x[0];
      for (std::size_t i = 1; i < size; ++i) maximum = x[i] > maximum ? x[i] : maximum;
      const F32 shift = Isa::set1(-maximum);
      map(x, size, [shift](F32 value) { return VectorMath<Isa>::exp(Isa::add(value, shift)); });
      F32 sum = Isa::set1(0.0F);
      for (std::size_t i = 0; i < whole; i += kLanes) sum = Isa::add(sum, Isa::load(x + i));
      if (whole < size) sum = Isa::add(sum, Isa::load_partial(x + whole, size - whole));
      const F32 inverse = Isa::set1(1.0F / Isa::reduce_add(sum));
      map(x, size, [inverse](F32 value) { return Isa::mul(value, inverse); });
    }
  }

  static void load_row(float* out, const void* row, TableType type, std::size_t size) noexcept {
    visit_row(
        row, type, size, [out](std::size_t i, F32 value) { Isa::store(out + i, value); },
        [out](std::size_t i, F32 value, std::size_t count) { Isa::store_partial(out + i, value, count); });
  }
  static void add_row(float* out, const void* row, TableType type, std::size_t size) noexcept {
    visit_row(
        row, type, size, [out](std::size_t i, F32 value) { Isa::store(out + i, Isa::add(Isa::load(out + i), value)); },
        [out](std::size_t i, F32 value, std::size_t count) { Isa::store_partial(out + i, Isa::add(Isa::load_partial(out + i, count), value), count); });
  }

  static void scale(float* x, float factor, std::size_t size) noexcept {
    const F32 by = Isa::set1(factor);
    map(x, size, [by](F32 value) { return Isa::mul(value, by); });
  }
  static void max_into(float* out, const float* x, std::size_t size) noexcept {
    // max gives its second operand where either is NaN; half of both orders added up keeps NaN from either side, and is exact.
    const F32 half = Isa::set1(0.5F);
    zip(out, x, size, [half](F32 a, F32 b) { return Isa::fma(half, Isa::max(a, b), Isa::mul(half, Isa::max(b, a))); });
  }
  static void add_scaled(float* out, const float* x, float factor, std::size_t size) noexcept {
    const F32 by = Isa::set1(factor);
    zip(out, x, size, [by](F32 a, F32 b) { return Isa::fma(b, by, a); });
  }
  static float dot(const float* x, const float* y, std::size_t size) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    F32 sum = Isa::set1(0.0F);
    for (std::size_t i = 0; i < whole; i += kLanes) sum = Isa::fma(Isa::load(x + i), Isa::load(y + i), sum);
    if (whole < size) sum = Isa::fma(Isa::load_partial(x + whole, size - whole), Isa::load_partial(y + whole, size - whole), sum);
    return Isa::reduce_add(sum);
  }
  // x - x is 0 for finite x and NaN otherwise, and NaN stays in the sum.
  static bool all_finite(const float* x, std::size_t count) noexcept {
    const std::size_t whole = count / kLanes * kLanes;
    F32 sum = Isa::set1(0.0F);
    const auto difference = [](F32 value) { return Isa::sub(value, value); };
    for (std::size_t i = 0; i < whole; i += kLanes) sum = Isa::add(sum, difference(Isa::load(x + i)));
    if (whole < count) sum = Isa::add(sum, difference(Isa::load_partial(x + whole, count - whole)));
    return Isa::reduce_add(sum) == 0.0F;
  }

 private:
  template <class F>
  static void map(float* x, std::size_t count, F f) noexcept {
    const std::size_t whole = count / kLanes * kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) Isa::store(x + i, f(Isa::load(x + i)));
    if (whole < count) Isa::store_partial(x + whole, f(Isa::load_partial(x + whole, count - whole)), count - whole);
  }
  template <class F>
  static void zip(float* out, const float* x, std::size_t count, F f) noexcept {
    const std::size_t whole = count / kLanes * kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) Isa::store(out + i, f(Isa::load(out + i), Isa::load(x + i)));
    if (whole < count) {
      const std::size_t left = count - whole;
      Isa::store_partial(out + whole, f(Isa::load_partial(out + whole, left), Isa::load_partial(x + whole, left)), left);
    }
  }

  // Hands a table row to `each` vector by vector as FP32; what is left over to `rest`. Half types reach it through a copy: a table row's end
  // may be the end of the mapping.
  template <class Each, class Rest>
  static void visit_row(const void* row, TableType type, std::size_t size, Each each, Rest rest) noexcept {
    const std::size_t whole = size / kLanes * kLanes;
    const std::size_t left = size - whole;
    const auto* bytes = static_cast<const unsigned char*>(row);
    if (type == TableType::f32) {
      alignas(64) float tail[kLanes] = {};
      for (std::size_t i = 0; i < whole; i += kLanes) each(i, Isa::load_f32_bytes(bytes + i * sizeof(float)));
      if (left == 0) return;
      __builtin_memcpy(tail, bytes + whole * sizeof(float), left * sizeof(float));
      rest(whole, Isa::load(tail), left);
      return;
    }
    const auto widen = [type](const void* p) { return type == TableType::f16 ? Isa::load_f16(p) : Isa::load_bf16(p); };
    for (std::size_t i = 0; i < whole; i += kLanes) each(i, widen(bytes + i * 2));
    if (left == 0) return;
    alignas(64) unsigned char tail[kLanes * 2] = {};
    __builtin_memcpy(tail, bytes + whole * 2, left * 2);
    rest(whole, widen(tail), left);
  }
};

}  // namespace berth::kernels
