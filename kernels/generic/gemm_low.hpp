// The product of low-precision activations with a packed matrix: INT8 (one scale per token and per output) and BF16. What differs between types and
// instruction sets is the tile; this file walks the tiles and lets the epilogue finish them while they are in L1.
//
// A Tile provides
//   Args                              GemmS8Args or GemmBf16Args
//   Scope                             lives as long as the walk: AMX sets up its tiles in it
//   kRows, kPanels                    the largest tile: rows x (16 * panels) outputs
//   rows(left), panels(rows)          how many rows the next tile takes of those left; how many panels, when there are so many rows in all
//   run(args, row, rows, panel, panels, out, ldo, meanwhile)   the tile's sums: out [rows, 16 * panels], row stride ldo; up to whole tiles of
//                                     kLowRows rows are written. `meanwhile` is what it may do besides
//
// The units that multiply (AMX) and those that finish (AVX-512) work side by side if their instructions alternate. So a tile's sums go to one of two
// buffers, and the block before it is finished, some rows at each step of k, while its products run.
#pragma once

#include <cstddef>

#include "kernels/generic/low_epilogue.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// What a tile does between its products: finishes the block before it and asks for the weights after it. Pair is the epilogue of two rows of a
// whole block, written into the loop.
template <class Args, class Pair>
struct Meanwhile {
  const Args& args;
  void (*finish)(const Args&, const LowBlock&, std::size_t, std::size_t) noexcept;
  LowBlock block = {};       // the one before; no rows at the start
  std::size_t done = 0;      // rows of it that are finished
  std::size_t chunk = 0;     // rows a step
  std::size_t last = 0;      // rows that pair() goes up to
  const unsigned char* ahead = nullptr;  // weights to fetch into L2
  std::size_t ahead_lines = 0;           // so many lines at each step

  // Before a tile of `steps` steps. Few steps leave much to do in each: pairs of rows between the products, the finer the better (1.25 times as fast
  // for GELU at k = 384). Where there are many, calls cost less.
  void begin(std::size_t steps) noexcept {
    constexpr std::size_t kFewSteps = 8;
    const bool pairs = steps <= kFewSteps && block.width == Pair::kWidth;
    last = pairs ? block.rows / 2 * 2 : 0;
    chunk = pairs ? 0 : (block.rows - done + steps - 1) / steps;
  }
  [[gnu::always_inline]] void step() noexcept {
    for (std::size_t i = 0; i < ahead_lines; ++i, ahead += 64) __builtin_prefetch(ahead, 0, 2);
    if (chunk == 0 || done == block.rows) return;
    const std::size_t end = done + chunk < block.rows ? done + chunk : block.rows;
    finish(args, block, done, end);
    done = end;
  }
  [[gnu::always_inline]] void pair() noexcept {
    if (done >= last) return;
    Pair::run(args, block, done);
    done += 2;
  }
  void next(const LowBlock& computed) noexcept {
    finish_all();
    block = computed;
    done = 0;
  }
  void finish_all() noexcept {
    if (done < block.rows) finish(args, block, done, block.rows);
    done = block.rows;
  }
};

// Nothing.
struct NoMeanwhile {
  [[gnu::always_inline]] static void begin(std::size_t) noexcept {}
  [[gnu::always_inline]] static void step() noexcept {}
  [[gnu::always_inline]] static void pair() noexcept {}
};

template <VectorIsa Isa, class Tile>
struct GemmLow {
  using Args = typename Tile::Args;
  static constexpr std::size_t kBufferRows = (Tile::kRows + kLowRows - 1) / kLowRows * kLowRows;
  static constexpr std::size_t kBufferSize = kBufferRows * kLowPanelWidth * Tile::kPanels;
  static constexpr std::size_t kElementBytes = sizeof(*Args{}.b.data);

  static void run(const Args& args) noexcept {
    LowEpilogue<Isa, Args>::with_pair(args, [&](auto pair) { walk<decltype(pair)>(args); });
  }

 private:
  template <class Pair>
  static void walk(const Args& args) noexcept {
    alignas(64) float buffers[2][kBufferSize];
    [[maybe_unused]] const typename Tile::Scope scope;
    Meanwhile<Args, Pair> meanwhile{.args = args, .finish = LowEpilogue<Isa, Args>::select(args)};
    int buffer = 0;
    const std::size_t most = Tile::panels(args.rows);
    const std::size_t panel_bytes = args.b.k_padded * kLowPanelWidth * kElementBytes;
    const std::size_t blocks = (args.rows + Tile::kRows - 1) / Tile::kRows;
    for (std::size_t panel = args.panel_begin, panels = 0; panel < args.panel_end; panel += panels) {
      panels = args.panel_end - panel < most ? args.panel_end - panel : most;
      const std::size_t column = panel * kLowPanelWidth;
      const std::size_t width = args.b.n - column < panels * kLowPanelWidth ? args.b.n - column : panels * kLowPanelWidth;
      meanwhile.ahead = reinterpret_cast<const unsigned char*>(args.b.data) + (panel + panels) * panel_bytes;
      for (std::size_t row = 0, rows = 0; row < args.rows; row += rows) {
        rows = Tile::rows(args.rows - row);
        // The tiles below the first fetch the next panels, each its share.
        meanwhile.ahead_lines = row == 0 || panel + panels >= args.panel_end ? 0 : (panels * kLowPanelWidth + blocks - 2) / (blocks - 1);
        float* out = buffers[buffer];
        buffer = 1 - buffer;
        Tile::run(args, row, rows, panel, panels, out, panels * kLowPanelWidth, meanwhile);
        meanwhile.next({out, panels * kLowPanelWidth, row, rows, column, width});
      }
    }
    meanwhile.finish_all();
  }
};

}  // namespace berth::kernels
