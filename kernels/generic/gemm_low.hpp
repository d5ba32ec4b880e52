// The product of low-precision activations with a packed matrix: INT8 (one scale per token and per output) and BF16. What differs between types and
// instruction sets is the tile alone; this file walks the tiles and finishes them while they are in L1.
//
// A Tile provides
//   Args                              GemmS8Args or GemmBf16Args
//   Scope                             lives as long as the walk: AMX sets up its tiles in it
//   kRows, kPanels                    the largest tile: rows x (16 * panels) outputs
//   rows(left), panels(rows)          how many rows the next tile takes of those left; how many panels, when there are so many rows in all
//   run(args, row, rows, panel, panels, out, ldo)   the tile's sums, scaled, as FP32: out [rows, 16 * panels], row stride ldo. Up to whole
//                                     tiles of kLowRows rows are written
#pragma once

#include <cstddef>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa, class Tile>
struct GemmLow {
  using F32 = typename Isa::F32;
  using Args = typename Tile::Args;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr std::size_t kBufferWidth = kLowPanelWidth * Tile::kPanels;
  static constexpr std::size_t kBufferRows = (Tile::kRows + kLowRows - 1) / kLowRows * kLowRows;

  static void run(const Args& args) noexcept {
    with_activation(args.activation, [&](auto tag) { walk<decltype(tag)::value>(args); });
  }

 private:
  template <Activation kind>
  static void walk(const Args& args) noexcept {
    alignas(64) float buffer[kBufferRows * kBufferWidth];
    [[maybe_unused]] const typename Tile::Scope scope;
    for (std::size_t panel = args.panel_begin; panel < args.panel_end;) {
      const std::size_t most = Tile::panels(args.rows);
      const std::size_t panels = args.panel_end - panel < most ? args.panel_end - panel : most;
      const std::size_t column = panel * kLowPanelWidth;
      const std::size_t valid = args.b.n - column < panels * kLowPanelWidth ? args.b.n - column : panels * kLowPanelWidth;
      for (std::size_t row = 0; row < args.rows;) {
        const std::size_t rows = Tile::rows(args.rows - row);
        Tile::run(args, row, rows, panel, panels, buffer, kBufferWidth);
        for (std::size_t r = 0; r < rows; ++r) finish_row<kind>(args, row + r, column, valid, buffer + r * kBufferWidth);
        row += rows;
      }
      panel += panels;
    }
  }

  // c = activation(sum + bias) + residual.
  template <Activation kind>
  static void finish_row(const Args& args, std::size_t row, std::size_t column, std::size_t width, const float* sums) noexcept {
    const float* bias = args.bias == nullptr ? nullptr : args.bias + column;
    const float* residual = args.residual == nullptr ? nullptr : args.residual + row * args.ldr + column;
    float* c = args.c + row * args.ldc + column;
    const auto value = [&](F32 sum, F32 add_bias) { return VectorMath<Isa>::template activate<kind>(Isa::add(sum, add_bias)); };
    const F32 zero = Isa::set1(0.0F);
    std::size_t j = 0;
    for (; j + kLanes <= width; j += kLanes) {
      F32 x = value(Isa::load(sums + j), bias == nullptr ? zero : Isa::load(bias + j));
      if (residual != nullptr) x = Isa::add(x, Isa::load(residual + j));
      Isa::store(c + j, x);
    }
    if (j == width) return;
    const std::size_t left = width - j;
    F32 x = value(Isa::load_partial(sums + j, left), bias == nullptr ? zero : Isa::load_partial(bias + j, left));
    if (residual != nullptr) x = Isa::add(x, Isa::load_partial(residual + j, left));
    Isa::store_partial(c + j, x, left);
  }
};

}  // namespace berth::kernels
