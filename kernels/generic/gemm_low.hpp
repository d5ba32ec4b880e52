// The product of low-precision activations with a packed matrix: INT8 (one scale per token and per output) and BF16. What differs between types and
// instruction sets is the tile; this file walks the tiles and lets the epilogue finish them while they are in L1.
//
// A Tile provides
//   Args                              GemmS8Args or GemmBf16Args
//   Scope                             lives as long as the walk: AMX sets up its tiles in it
//   kRows, kPanels                    the largest tile: rows x (16 * panels) outputs
//   kMeanwhile                        whether run() does anything with `meanwhile`
//   kGroupBytes                       of weights that pass over one tile's rows before the next rows come; 0: one tile's panels
//   kFewRows                          a product of so few waits for its own weights, and fetching others only adds to that
//   rows(left), panels(rows)          how many rows the next tile takes of those left; how many panels, when there are so many rows in all
//   panels_at_once(rows)              how many of them a step of k serves
//   run(args, row, rows, panel, panels, out, ldo, meanwhile)   the tile's sums: out [rows, 16 * panels], row stride ldo; up to whole tiles of
//                                     kLowRows rows are written. `meanwhile` is what it may do besides
//
// The units that multiply (AMX) and those that finish (AVX-512) work side by side if their instructions alternate. So a tile's sums go to one of two
// buffers, and the block before it is finished, some rows at each step of k, while its products run.
//
// Panels go in groups that stay in L2 while all rows pass over them, a tile's rows staying in L1 while the group's panels pass; meanwhile the next
// group is fetched; during the last one, the first of the product to come.
#pragma once

#include <cstddef>

#include "kernels/generic/fetch.hpp"
#include "kernels/generic/low_epilogue.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// What a tile does between its products: finishes the block before it and asks for weights to come. The tile calls run<whole>(steps, body) once, where
// `whole` is whether it is as wide as those in which the time goes; body gets a value that lives in registers, with what to call after each step of k
// (step), between a step's products (pair<i>, i in [0, 3): whether that was anything) and spread over a step (ask<i>, i in [0, 4)).
template <class Args, class Pairs>
struct Meanwhile {
  const Args& args;
  void (*finish)(const Args&, const LowBlock&, std::size_t, std::size_t) noexcept;
  LowBlock block = {};   // the one before; no rows at the start
  std::size_t done = 0;  // rows of it that are finished
  Fetch fetch = {};      // of the weights to come into L2

  template <std::size_t lines>
  struct Asks {
    Fetch::Steps<lines> fetch;

    template <std::size_t i>
    [[gnu::always_inline]] void ask() noexcept {
      fetch.template part<i>();
    }
  };

  // Any block: some rows after each step. For few rows, too, where everything waits for weights: pairs take 1.1 times as long there.
  struct Calls : Asks<Fetch::kAnyNumber> {
    Meanwhile& meanwhile;
    std::size_t chunk;

    template <int>
    [[gnu::always_inline]] static bool pair() noexcept {
      return false;
    }
    [[gnu::always_inline]] void step() noexcept {
      if (meanwhile.done != meanwhile.block.rows) meanwhile.finish_some(chunk);
    }
  };
  // Two rows at a time between the products.
  template <std::size_t lines>
  struct InPairs : Asks<lines> {
    Pairs pairs;
    int per_step;

    template <int i>
    [[gnu::always_inline]] bool pair() noexcept {
      if (i >= per_step || pairs.left() == 0) return false;
      pairs.next();
      return true;
    }
    [[gnu::always_inline]] static void step() noexcept {}
  };

  template <bool whole, class Body>
  [[gnu::always_inline]] void run(std::size_t steps, Body&& body) noexcept {
    if constexpr (whole && Pairs::kWidth != 0) {
      if (block.rows > 1 && block.width == Pairs::kWidth) {
        const Pairs pairs(args, block);
        // Rounded down: what is left at the end runs at the vector units' full rate, which is half of it beside tiles.
        const std::size_t per_step = steps < pairs.left() ? pairs.left() / steps : 1;
        fetch.run([&]<std::size_t lines>(Fetch::Steps<lines> & asked) __attribute__((always_inline)) {
          InPairs<lines> now{{asked}, pairs, static_cast<int>(per_step)};
          body(now);
          while (now.pairs.left() != 0) now.pairs.next();
          asked = now.fetch;
        });
        done = block.rows / 2 * 2;
        return;
      }
    }
    fetch.run_any([&](Fetch::Steps<Fetch::kAnyNumber> & asked) __attribute__((always_inline)) {
      Calls now{{asked}, *this, (block.rows - done + steps - 1) / steps};
      body(now);
      asked = now.fetch;
    });
  }
  void next(const LowBlock& computed) noexcept {
    finish_some(block.rows);
    block = computed;
    done = 0;
  }
  void finish_some(std::size_t rows) noexcept {
    const std::size_t end = block.rows - done < rows ? block.rows : done + rows;
    if (done < end) finish(args, block, done, end);
    done = end;
  }
};

// Nothing.
struct NoMeanwhile {
  Fetch fetch = {};

  [[gnu::always_inline]] NoMeanwhile() noexcept {}  // as Fetch

  template <int>
  [[gnu::always_inline]] static bool pair() noexcept {
    return false;
  }
  template <std::size_t i>
  [[gnu::always_inline]] static void ask() noexcept {}
  [[gnu::always_inline]] static void step() noexcept {}
  template <bool, class Body>
  [[gnu::always_inline]] void run(std::size_t, Body&& body) noexcept {
    body(*this);
  }
};

template <VectorIsa Isa, class Tile>
struct GemmLow {
  using Args = typename Tile::Args;
  static constexpr std::size_t kBufferRows = (Tile::kRows + kLowRows - 1) / kLowRows * kLowRows;
  static constexpr std::size_t kBufferSize = kBufferRows * kLowPanelWidth * Tile::kPanels;
  static constexpr std::size_t kElementBytes = sizeof(*Args{}.b.data);

  static void run(const Args& args) noexcept {
    if constexpr (Tile::kMeanwhile) {
      LowEpilogue<Isa, Args>::with_pairs(args, [&](auto pairs) { walk<typename decltype(pairs)::type>(args); });
    } else {
      walk<typename LowEpilogue<Isa, Args>::NoPairs>(args);
    }
  }

 private:
  template <class Pairs>
  static void walk(const Args& args) noexcept {
    alignas(64) float buffers[2][kBufferSize];
    [[maybe_unused]] const typename Tile::Scope scope;
    Meanwhile<Args, Pairs> meanwhile{.args = args, .finish = LowEpilogue<Isa, Args>::select(args)};
    int buffer = 0;
    const std::size_t most = Tile::panels(args.rows);
    const std::size_t panel_bytes = args.b.k_padded * kLowPanelWidth * kElementBytes;
    const std::size_t blocks = (args.rows + Tile::kRows - 1) / Tile::kRows;
    const std::size_t steps = panel_bytes / (kLowPanelWidth * kLowRowBytes);
    const std::size_t group = group_panels(args.panel_end - args.panel_begin, panel_bytes, most);
    for (std::size_t first = args.panel_begin, end = 0; first < args.panel_end; first = end) {
      end = args.panel_end - first < group ? args.panel_end : first + group;
      // What comes after this group: the next one or, behind the last, the weights of the next product.
      const bool last = end == args.panel_end;
      const std::size_t follows = args.panel_end - end < group ? args.panel_end - end : group;
      const std::size_t room = Tile::kGroupBytes > 0 ? Tile::kGroupBytes : group * panel_bytes;
      const std::size_t bytes = last ? (args.next_bytes < room ? args.next_bytes : room) : follows * panel_bytes;
      const void* const ahead = last ? args.next : reinterpret_cast<const unsigned char*>(args.b.data) + end * panel_bytes;
      const std::size_t at_once = Tile::panels_at_once(args.rows);
      if (args.rows > Tile::kFewRows) meanwhile.fetch = {ahead, bytes, steps * blocks * ((end - first + at_once - 1) / at_once), Tile::kMeanwhile};
      for (std::size_t row = 0, rows = 0; row < args.rows; row += rows) {
        rows = Tile::rows(args.rows - row);
        for (std::size_t panel = first, panels = 0; panel < end; panel += panels) {
          panels = end - panel < most ? end - panel : most;
          const std::size_t column = panel * kLowPanelWidth;
          const std::size_t width = args.b.n - column < panels * kLowPanelWidth ? args.b.n - column : panels * kLowPanelWidth;
          float* out = buffers[buffer];
          buffer = 1 - buffer;
          Tile::run(args, row, rows, panel, panels, out, panels * kLowPanelWidth, meanwhile);
          meanwhile.next({out, panels * kLowPanelWidth, row, rows, column, width});
        }
      }
    }
    meanwhile.finish_some(meanwhile.block.rows);
  }

  // Groups of nearly equal size, of whole tiles.
  static std::size_t group_panels(std::size_t panels, std::size_t panel_bytes, std::size_t most) noexcept {
    if (Tile::kGroupBytes == 0) return most;
    const std::size_t groups = (panels * panel_bytes + Tile::kGroupBytes - 1) / Tile::kGroupBytes;
    const std::size_t even = (panels + groups - 1) / groups;
    return (even + most - 1) / most * most;
  }
};

}  // namespace berth::kernels
