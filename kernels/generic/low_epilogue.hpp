// What is done to a block of sums while it is in L1: dequantise, bias, activation, residual, and out as FP32 or BF16. One function for every
// tile, so that a row's result is the same whichever tile summed it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// Finished sums of some rows and outputs: s32 for INT8 (as bits), FP32 for BF16.
struct LowBlock {
  const float* sums = nullptr;  // [rows, 16 * panels], row stride lds
  std::size_t lds = 0;
  std::size_t row = 0;     // of the product, that sums begins at
  std::size_t rows = 0;
  std::size_t column = 0;  // likewise
  std::size_t width = 0;   // outputs that exist
};

template <VectorIsa Isa, class Args>
struct LowEpilogue {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

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

  // Two rows of a block of two panels, without bounds. For what encoders do most; Other, whose width no block has, stands for the rest.
  template <Activation kind, bool bf16, bool add>
  struct Pair {
    static constexpr std::size_t kWidth = 2 * kLowPanelWidth;
    [[gnu::always_inline]] static void run(const Args& args, const LowBlock& block, std::size_t r) noexcept {
      for (std::size_t column = 0; column < kWidth; column += kVectors * kLanes) {
        F32 bias[kVectors];
        F32 scales[kVectors];
        load_columns(args, block.column + column, bias, scales, args.bias + block.column + column);
        step<kind, bf16, add, 2>(args, block.sums + column + r * block.lds, block.lds, block.row + r, block.column + column, bias, scales);
      }
    }
  };
  struct Other {
    static constexpr std::size_t kWidth = 0;
    static void run(const Args&, const LowBlock&, std::size_t) noexcept {}
  };

  template <class Body>
  static void with_pair(const Args& args, Body&& body) noexcept {
    const bool add = args.residual != nullptr;
    if (args.bias == nullptr) return body(Other{});
    if (args.activation == Activation::none && !args.c_is_bf16) return add ? body(Pair<Activation::none, false, true>{}) : body(Pair<Activation::none, false, false>{});
    if (args.activation == Activation::none && !add) return body(Pair<Activation::none, true, false>{});
    if (args.activation == Activation::gelu && args.c_is_bf16 && !add) return body(Pair<Activation::gelu, true, false>{});
    return body(Other{});
  }

 private:
  static constexpr int kRows = 2;     // rows and vectors that go in step
  static constexpr int kVectors = 2;

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
    const float* sums = block.sums + column + begin * block.lds;
    for (std::size_t r = begin; r < end; r += kRows) {
      if (end - r >= kRows) {
        step<kind, bf16, add, kRows>(args, sums, block.lds, block.row + r, first, bias, scales);
      } else {
        step<kind, bf16, add, 1>(args, sums, block.lds, block.row + r, first, bias, scales);
      }
      sums += kRows * block.lds;
    }
  }

  [[gnu::always_inline]] static void load_columns(const Args& args, [[maybe_unused]] std::size_t column, F32 (&bias)[kVectors], F32 (&scales)[kVectors],
                                                  const float* of_bias) noexcept {
    for (std::size_t v = 0; v < kVectors; ++v) {
      bias[v] = Isa::load(of_bias + v * kLanes);
      scales[v] = Isa::set1(1.0F);
      if constexpr (requires { args.a_scales; }) scales[v] = Isa::load(args.b.scales + column + v * kLanes);
    }
  }

  template <Activation kind, bool bf16, bool add, int rows>
  [[gnu::always_inline]] static void step(const Args& args, const float* sums, std::size_t lds, std::size_t row, std::size_t column,
                                          const F32 (&bias)[kVectors], const F32 (&scales)[kVectors]) noexcept {
    F32 x[rows * kVectors];
    for (int r = 0; r < rows; ++r) {
      const std::size_t at = row + static_cast<std::size_t>(r);
      for (int v = 0; v < kVectors; ++v)
        x[r * kVectors + v] = product(args, sums + static_cast<std::size_t>(r) * lds + static_cast<std::size_t>(v) * kLanes, at, scales[v], bias[v]);
    }
    VectorMath<Isa>::template activate_low<kind>(x);
    for (int r = 0; r < rows; ++r) {
      const std::size_t at = row + static_cast<std::size_t>(r);
      F32* of_row = x + r * kVectors;
      if constexpr (add) {
        const float* residual = args.residual + at * args.ldr + column;
        for (int v = 0; v < kVectors; ++v) of_row[v] = Isa::add(of_row[v], Isa::load(residual + static_cast<std::size_t>(v) * kLanes));
      }
      if constexpr (bf16) {
        Isa::store_bf16(static_cast<std::uint16_t*>(args.c) + at * args.ldc + column, of_row[0], of_row[1]);
      } else {
        float* c = static_cast<float*>(args.c) + at * args.ldc + column;
        for (int v = 0; v < kVectors; ++v) Isa::store(c + static_cast<std::size_t>(v) * kLanes, of_row[v]);
      }
    }
  }

  [[gnu::always_inline]] static F32 product(const Args& args, const float* sums, [[maybe_unused]] std::size_t row, [[maybe_unused]] F32 scale,
                                              F32 bias) noexcept {
    if constexpr (requires { args.a_scales; }) {
      return Isa::fma(Isa::mul(Isa::to_f32(Isa::load_i32(sums)), scale), Isa::set1(args.a_scales[row]), bias);
    } else {
      return Isa::add(Isa::load(sums), bias);
    }
  }

  // One vector of one row, of which `left` outputs exist; sums and scales are padded to whole panels.
  template <Activation kind, bool bf16>
  static void partial(const Args& args, const LowBlock& block, std::size_t column, std::size_t r, std::size_t left) noexcept {
    const std::size_t row = block.row + r;
    const std::size_t first = block.column + column;
    F32 scale = Isa::set1(1.0F);
    if constexpr (requires { args.a_scales; }) scale = Isa::load(args.b.scales + first);
    const F32 bias = args.bias == nullptr ? Isa::set1(0.0F) : Isa::load_partial(args.bias + first, left);
    F32 x[1] = {product(args, block.sums + r * block.lds + column, row, scale, bias)};
    VectorMath<Isa>::template activate_low<kind>(x);
    if (args.residual != nullptr) x[0] = Isa::add(x[0], Isa::load_partial(args.residual + row * args.ldr + first, left));
    if constexpr (bf16) {
      alignas(64) std::uint16_t lanes[kLanes];
      Isa::store_bf16(lanes, x[0]);
      for (std::size_t i = 0; i < left; ++i) static_cast<std::uint16_t*>(args.c)[row * args.ldc + first + i] = lanes[i];
    } else {
      Isa::store_partial(static_cast<float*>(args.c) + row * args.ldc + first, x[0], left);
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
