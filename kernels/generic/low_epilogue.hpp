// What is done to a block of sums while it is in L1: dequantise, bias, activation, residual, and out as FP32 or BF16. One function for every
// tile, so that a row's result is the same whichever tile summed it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// Finished sums of some rows and outputs: s32 for INT8 (as bits), FP32 for BF16.
struct LowBlock {
  const float* sums = nullptr;  // [rows, 16 * panels], row stride lds
  std::size_t lds = 0;
  std::size_t row = 0;  // of the product, that sums begins at
  std::size_t rows = 0;
  std::size_t column = 0;  // likewise
  std::size_t width = 0;   // outputs that exist
};

template <VectorIsa Isa, class Args>
struct LowEpilogue {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr bool kScaled = requires(const Args& args) { args.a_scales; };

  // Finishes rows [begin, end) of a block.
  using Rows = void (*)(const Args&, const LowBlock&, std::size_t begin, std::size_t end) noexcept;

  static Rows select(const Args& args) noexcept {
    Rows rows = nullptr;
    with_activation(args.activation, [&](auto tag) {
      constexpr Activation kind = decltype(tag)::value;
      rows = args.c_is_bf16 ? &finish<kind, true> : &finish<kind, false>;
    });
    return rows;
  }

  static constexpr int kRows = 2;  // rows and vectors that go in step
  static constexpr int kVectors = 2;

  // A row of a block from one of its columns on: its sums and what they become.
  struct Place {
    const float* sums;
    std::size_t lds;
    const float* a_scale;  // of the row; INT8
    const float* residual;
    std::size_t ldr;
    std::byte* c;
    std::size_t c_row_bytes;

    [[gnu::always_inline]] Place(const Args& args, const LowBlock& block, std::size_t column, std::size_t row) noexcept {
      const std::size_t at = block.row + row;
      const std::size_t first = block.column + column;
      const std::size_t element = args.c_is_bf16 ? sizeof(std::uint16_t) : sizeof(float);
      sums = block.sums + row * block.lds + column;
      lds = block.lds;
      a_scale = nullptr;
      if constexpr (requires { args.a_scales; }) a_scale = args.a_scales + at;
      residual = args.residual == nullptr ? nullptr : args.residual + at * args.ldr + first;
      ldr = args.ldr;
      c = static_cast<std::byte*>(args.c) + (at * args.ldc + first) * element;
      c_row_bytes = args.ldc * element;
    }
    [[gnu::always_inline]] void down(std::size_t rows) noexcept {
      sums += rows * lds;
      if constexpr (kScaled) a_scale += rows;
      if (residual != nullptr) residual += rows * ldr;
      c += rows * c_row_bytes;
    }
  };

  // Blocks of kWidth columns, two rows a call, without bounds: what depends on the columns is loaded once. For what encoders do most.
  template <Activation kind, bool bf16, bool add>
  class Pairs {
   public:
    static constexpr std::size_t kWidth = kVectors * kLanes;

    Pairs(const Args& args, const LowBlock& block) noexcept : place_(args, block, 0, 0), left_(block.rows / 2) {
      load_columns(args, block.column, bias_, scales_, args.bias + block.column);
    }
    std::size_t left() const noexcept { return left_; }
    [[gnu::always_inline]] void next() noexcept {
      step<kind, bf16, add, 2>(place_, bias_, scales_);
      place_.down(2);
      --left_;
    }

   private:
    Place place_;
    std::size_t left_;
    F32 bias_[kVectors];
    F32 scales_[kVectors];
  };
  struct NoPairs {
    static constexpr std::size_t kWidth = 0;  // of no block
  };

  // Calls body(std::type_identity<Pairs<..>>) or, for rarer products, with NoPairs.
  template <class Body>
  static void with_pairs(const Args& args, Body&& body) noexcept {
    const bool add = args.residual != nullptr;
    const bool plain = args.activation == Activation::none;
    if (args.bias != nullptr && plain && !args.c_is_bf16 && add) return body(std::type_identity<Pairs<Activation::none, false, true>>{});
    if (args.bias != nullptr && plain && !args.c_is_bf16) return body(std::type_identity<Pairs<Activation::none, false, false>>{});
    if (args.bias != nullptr && plain && !add) return body(std::type_identity<Pairs<Activation::none, true, false>>{});
    if (args.bias != nullptr && args.activation == Activation::gelu && args.c_is_bf16 && !add)
      return body(std::type_identity<Pairs<Activation::gelu, true, false>>{});
    body(std::type_identity<NoPairs>{});
  }

 private:
  template <Activation kind, bool bf16>
  static void finish(const Args& args, const LowBlock& block, std::size_t begin, std::size_t end) noexcept {
    constexpr std::size_t kWidth = kVectors * kLanes;
    std::size_t column = 0;
    for (; column + kWidth <= block.width; column += kWidth) {
      if (args.residual != nullptr) {
        columns<kind, bf16, true>(args, block, column, begin, end);
      } else {
        columns<kind, bf16, false>(args, block, column, begin, end);
      }
    }
    for (; column < block.width; column += kLanes) {
      const std::size_t left = block.width - column < kLanes ? block.width - column : kLanes;
      for (std::size_t r = begin; r < end; ++r) partial<kind, bf16>(args, block, column, r, left);
    }
    if (bf16 && block.column + block.width == args.b.n) pad(args, block, begin, end);
  }

  // Two vectors of outputs, all rows.
  template <Activation kind, bool bf16, bool add>
  static void columns(const Args& args, const LowBlock& block, std::size_t column, std::size_t begin, std::size_t end) noexcept {
    const std::size_t first = block.column + column;
    F32 bias[kVectors];
    F32 scales[kVectors];
    if (args.bias == nullptr) {
      alignas(64) const float zeros[kVectors * kLanes] = {};
      load_columns(args, first, bias, scales, zeros);
    } else {
      load_columns(args, first, bias, scales, args.bias + first);
    }
    Place place(args, block, column, begin);
    std::size_t r = begin;
    for (; r + kRows <= end; r += kRows, place.down(kRows)) step<kind, bf16, add, kRows>(place, bias, scales);
    if (r < end) step<kind, bf16, add, 1>(place, bias, scales);
  }

  [[gnu::always_inline]] static void load_columns(const Args& args, [[maybe_unused]] std::size_t column, F32 (&bias)[kVectors], F32 (&scales)[kVectors],
                                                  const float* of_bias) noexcept {
    for (std::size_t v = 0; v < kVectors; ++v) {
      bias[v] = Isa::load(of_bias + v * kLanes);
      scales[v] = Isa::set1(1.0F);
      if constexpr (kScaled) scales[v] = Isa::load(args.b.scales + column + v * kLanes);
    }
  }

  template <Activation kind, bool bf16, bool add, int rows>
  [[gnu::always_inline]] static void step(const Place& place, const F32 (&bias)[kVectors], const F32 (&scales)[kVectors]) noexcept {
    F32 x[rows * kVectors];
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t v = 0; v < kVectors; ++v)
        x[r * kVectors + v] = product(place.sums + r * place.lds + v * kLanes, kScaled ? place.a_scale + r : nullptr, scales[v], bias[v]);
    VectorMath<Isa>::template activate_low<kind>(x);
    for (std::size_t r = 0; r < rows; ++r) {
      F32* of_row = x + r * kVectors;
      if constexpr (add)
        for (std::size_t v = 0; v < kVectors; ++v) of_row[v] = Isa::add(of_row[v], Isa::load(place.residual + r * place.ldr + v * kLanes));
      std::byte* c = place.c + r * place.c_row_bytes;
      if constexpr (bf16) {
        Isa::store_bf16(reinterpret_cast<std::uint16_t*>(c), of_row[0], of_row[1]);
      } else {
        for (std::size_t v = 0; v < kVectors; ++v) Isa::store(reinterpret_cast<float*>(c) + v * kLanes, of_row[v]);
      }
    }
  }

  [[gnu::always_inline]] static F32 product(const float* sums, [[maybe_unused]] const float* a_scale, [[maybe_unused]] F32 scale, F32 bias) noexcept {
    if constexpr (kScaled) {
      return Isa::fma(Isa::mul(Isa::to_f32(Isa::load_i32(sums)), scale), Isa::set1(*a_scale), bias);
    } else {
      return Isa::add(Isa::load(sums), bias);
    }
  }

  // One vector of one row, of which `left` outputs exist; sums and scales are padded to whole panels.
  template <Activation kind, bool bf16>
  static void partial(const Args& args, const LowBlock& block, std::size_t column, std::size_t r, std::size_t left) noexcept {
    const Place place(args, block, column, r);
    const std::size_t first = block.column + column;
    F32 scale = Isa::set1(1.0F);
    if constexpr (kScaled) scale = Isa::load(args.b.scales + first);
    const F32 bias = args.bias == nullptr ? Isa::set1(0.0F) : Isa::load_partial(args.bias + first, left);
    F32 x[1] = {product(place.sums, place.a_scale, scale, bias)};
    VectorMath<Isa>::template activate_low<kind>(x);
    if (place.residual != nullptr) x[0] = Isa::add(x[0], Isa::load_partial(place.residual, left));
    if constexpr (bf16) {
      alignas(64) std::uint16_t lanes[kLanes];
      Isa::store_bf16(lanes, x[0]);
      for (std::size_t i = 0; i < left; ++i) reinterpret_cast<std::uint16_t*>(place.c)[i] = lanes[i];
    } else {
      Isa::store_partial(reinterpret_cast<float*>(place.c), x[0], left);
    }
  }

  static void pad(const Args& args, const LowBlock& block, std::size_t begin, std::size_t end) noexcept {
    constexpr std::size_t kWhole = kLowRowBytes / sizeof(std::uint16_t);
    const std::size_t padded = (args.b.n + kWhole - 1) / kWhole * kWhole;
    for (std::size_t r = begin; r < end; ++r)
      for (std::size_t j = args.b.n; j < padded; ++j) static_cast<std::uint16_t*>(args.c)[(block.row + r) * args.ldc + j] = 0;
  }
};

}  // namespace berth::kernels
