// The FP32 product of activations with a packed weight matrix.
//
// Order of the loops: for each panel of outputs, for each tile of rows, all of k. A panel ([k, panel_width], 590 KB at k = 3072) stays in L2
// while every row passes over it; rows are read in place and broadcast from L1/L2. Splitting k so that a panel's part fits L1 (Goto & van de
// Geijn 2008) was measured and lost 2 to 10% at every shape here: the panel streams from L2 fast enough, and the extra passes over c are not free.
//
// What waits is the first pass over a panel, which comes from L3, or from memory that other cores keep busy. So a panel's tiles, if there are several,
// fetch the next panel into L2, each its share, some lines at every kBlock steps of k; and each tile asks for its lines of c before it starts. That is
// worth a factor of 1.1 to 1.3 where weights do not stay in L2, as a model's never do (and costs 2% where they do). A panel's only tile waits for its own.
//
// Every output is one chain of multiply-adds over k, ascending: the result of a row does not depend on how many rows there are.
#pragma once

#include <cstddef>

#include "kernels/generic/fetch.hpp"
#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct GemmF32 {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr int kRows = Isa::kTileRows;
  static constexpr int kVectors = Isa::kTileVectors;
  static constexpr std::size_t kPanelWidth = kVectors * kLanes;

  // Steps of k that B is prefetched ahead. The hardware stops at 4 KB pages; with this, small numbers of rows, which wait for B from L3,
  // run 1.2 to 1.8 times as fast, and large ones are not slower (distances 4 to 48 were tried; 16 to 32 are alike).
  static constexpr std::size_t kPrefetch = 24;
  // Whether a step of k takes more than a line of B. Only then the next panel is better read in streams, and only such tiles have a register left for how far
  // ahead their own is prefetched.
  static constexpr bool kLongSteps = kPanelWidth * sizeof(float) > 64;
  static constexpr std::size_t kBlock = 16;  // steps of k between two requests for the next panel

  struct Tile {
    const float* a;  // [rows, k], row stride lda
    std::size_t lda;
    const float* b;  // [k, width], contiguous; the next panel follows it
    std::size_t k;
    const float* init;  // [panels * width]: what every sum starts from
    float* c;           // [rows, panels * width], row stride ldc
    std::size_t ldc;
    std::size_t prefetch;   // steps of k that b is asked for ahead, into L1
    Fetch& fetch;           // of what is wanted next, into L2
    const float* residual;  // [rows, panels * width], row stride ldr, added behind: fetched into L1 meanwhile; null: none
    std::size_t ldr;
  };

  // rows x (panels * vectors) accumulators, all in registers; one step of k loads panels * vectors vectors of B and broadcasts `rows` values of A.
  template <int rows, int vectors, int panels>
  static void tile(const Tile& t) noexcept {
    constexpr int columns = panels * vectors;
    constexpr std::size_t width = static_cast<std::size_t>(vectors) * kLanes;
    F32 sum[rows][columns];
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < columns; ++v) sum[r][v] = Isa::load(t.init + static_cast<std::size_t>(v) * kLanes);
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < columns; ++v) Isa::prefetch(t.c + static_cast<std::size_t>(r) * t.ldc + static_cast<std::size_t>(v) * kLanes);
    if (t.residual != nullptr)
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < columns; ++v) Isa::prefetch(t.residual + static_cast<std::size_t>(r) * t.ldr + static_cast<std::size_t>(v) * kLanes);
    const float* a[rows];
    for (int r = 0; r < rows; ++r) a[r] = t.a + static_cast<std::size_t>(r) * t.lda;
    const float* b[panels];
    for (int p = 0; p < panels; ++p) b[p] = t.b + static_cast<std::size_t>(p) * t.k * width;
    const std::size_t prefetch = (kLongSteps ? t.prefetch : kPrefetch) * width;
    const auto step = [&](std::size_t k) __attribute__((always_inline)) {
      F32 row_of_b[columns];
      for (int v = 0; v < columns; ++v) {
        const float* from = b[v / vectors] + static_cast<std::size_t>(v % vectors) * kLanes;
        Isa::prefetch(from + prefetch);
        row_of_b[v] = Isa::load(from);
      }
      for (int r = 0; r < rows; ++r) {
        const F32 x = Isa::set1(a[r][k]);
        for (int v = 0; v < columns; ++v) sum[r][v] = Isa::fma(x, row_of_b[v], sum[r][v]);
      }
      for (int p = 0; p < panels; ++p) b[p] += width;
    };
    std::size_t k = 0;
    t.fetch.run_any([&](Fetch::Steps<Fetch::kAnyNumber> & ahead) __attribute__((always_inline)) {
      for (; k + kBlock <= t.k; k += kBlock) {
        ahead.step();
#pragma GCC unroll 4  // worth 10 to 40% for few rows, where the loop's own instructions compete with the loads
        for (std::size_t i = 0; i < kBlock; ++i) step(k + i);
      }
    });
    for (; k < t.k; ++k) step(k);  // in one loop with the others, whose end then varies, GCC 12 keeps sums on the stack: 1.2 times as slow
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < columns; ++v) Isa::store(t.c + static_cast<std::size_t>(r) * t.ldc + static_cast<std::size_t>(v) * kLanes, sum[r][v]);
  }

  using TileFunction = void (*)(const Tile&) noexcept;

  // The tile for run-time rows in [1, kRows] and vectors in [1, kVectors], one panel.
  static TileFunction select(std::size_t rows, std::size_t vectors) noexcept { return kTiles.at[vectors - 1][rows - 1]; }

  // Up to four rows have too few chains in one panel to hide the latency of a multiply-add: they take two full panels at a time.
  static constexpr std::size_t kPairRows = Isa::kPairRows;
  static TileFunction select_pair(std::size_t rows) noexcept { return kPairs.at[rows - 1]; }

  // activation and residual over a finished tile, which is still in L1. `width` counts valid outputs.
  template <Activation kind>
  static void finish(float* c, std::size_t ldc, const float* residual, std::size_t ldr, std::size_t rows, std::size_t width) noexcept {
    std::size_t r = 0;
    for (; r + 2 <= rows; r += 2) finish_rows<kind, 2>(c + r * ldc, ldc, residual == nullptr ? nullptr : residual + r * ldr, ldr, width);
    if (r < rows) finish_rows<kind, 1>(c + r * ldc, ldc, residual == nullptr ? nullptr : residual + r * ldr, ldr, width);
  }
  template <Activation kind, int rows>
  static void finish_rows(float* c, std::size_t ldc, const float* residual, std::size_t ldr, std::size_t width) noexcept {
    std::size_t j = 0;
    for (; j + kPanelWidth <= width; j += kPanelWidth) finish_block<kind, rows, kVectors>(c + j, ldc, residual == nullptr ? nullptr : residual + j, ldr);
    for (; j + kLanes <= width; j += kLanes) finish_block<kind, rows, 1>(c + j, ldc, residual == nullptr ? nullptr : residual + j, ldr);
    if (j == width) return;
    for (int r = 0; r < rows; ++r) {
      float* to = c + static_cast<std::size_t>(r) * ldc + j;
      F32 x = VectorMath<Isa>::template activate<kind>(Isa::load_partial(to, width - j));
      if (residual != nullptr) x = Isa::add(x, Isa::load_partial(residual + static_cast<std::size_t>(r) * ldr + j, width - j));
      Isa::store_partial(to, x, width - j);
    }
  }
  template <Activation kind, int rows, int vectors>
  static void finish_block(float* c, std::size_t ldc, const float* residual, std::size_t ldr) noexcept {
    const auto at = [](int i, std::size_t stride) { return static_cast<std::size_t>(i / vectors) * stride + static_cast<std::size_t>(i % vectors) * kLanes; };
    F32 x[rows * vectors];
    for (int i = 0; i < rows * vectors; ++i) x[i] = Isa::load(c + at(i, ldc));
    VectorMath<Isa>::template activate<kind>(x);
    if (residual != nullptr)
      for (int i = 0; i < rows * vectors; ++i) x[i] = Isa::add(x[i], Isa::load(residual + at(i, ldr)));
    for (int i = 0; i < rows * vectors; ++i) Isa::store(c + at(i, ldc), x[i]);
  }

  static void run(const GemmF32Args& args) noexcept {
    with_activation(args.activation, [&](auto tag) {
      constexpr Activation kind = decltype(tag)::value;
      for (std::size_t panel = args.panel_begin; panel < args.panel_end; ++panel) {
        const std::size_t column = panel * kPanelWidth;
        const std::size_t left = args.b.n - column;
        if (args.rows <= kPairRows && panel + 1 < args.panel_end && left >= 2 * kPanelWidth) {
          run_panels<kind>(args, column, 2 * kPanelWidth);
          ++panel;
        } else if (left >= kPanelWidth || left % kLanes == 0) {
          run_panels<kind>(args, column, left < kPanelWidth ? left : kPanelWidth);
        } else {
          run_ragged_panel<kind>(args, column, left);
        }
      }
    });
  }

 private:
  struct Pairs {
    TileFunction at[kPairRows];
  };
  template <int rows>
  static constexpr void fill_pairs(Pairs& pairs) {
    pairs.at[rows - 1] = &tile<rows, kVectors, 2>;
    if constexpr (rows > 1) fill_pairs<rows - 1>(pairs);
  }
  static constexpr Pairs make_pairs() {
    Pairs pairs{};
    fill_pairs<static_cast<int>(kPairRows)>(pairs);
    return pairs;
  }
  static constexpr Pairs kPairs = make_pairs();

  struct Tiles {
    TileFunction at[kVectors][kRows];
  };
  template <int vectors, int rows>
  static constexpr void fill(Tiles& tiles) {
    tiles.at[vectors - 1][rows - 1] = &tile<rows, vectors, 1>;
    if constexpr (rows > 1) {
      fill<vectors, rows - 1>(tiles);
    } else if constexpr (vectors > 1) {
      fill<vectors - 1, kRows>(tiles);
    }
  }
  static constexpr Tiles make_tiles() {
    Tiles tiles{};
    fill<kVectors, kRows>(tiles);
    return tiles;
  }
  static constexpr Tiles kTiles = make_tiles();

  // One panel, or a pair, whose width is whole vectors: the tiles write straight to c.
  template <Activation kind>
  static void run_panels(const GemmF32Args& args, std::size_t column, std::size_t width) noexcept {
    alignas(64) float zeros[2 * kPanelWidth] = {};
    const float* init = args.bias == nullptr ? zeros : args.bias + column;
    const float* b = args.b.data + column * args.b.k;
    const bool few = args.rows <= (args.reads_ahead ? kRows - 1 : kRows);
    const std::size_t prefetch = few && args.reads_ahead ? 0 : kPrefetch;
    Fetch fetch = few ? Fetch{} : behind(args, column + width, width);
    for (std::size_t row = 0; row < args.rows;) {
      const std::size_t rows = next_tile_rows(args.rows - row);
      float* c = args.c + row * args.ldc + column;
      const TileFunction function = width > kPanelWidth ? select_pair(rows) : select(rows, width / kLanes);
      function({args.a + row * args.lda, args.lda, b, args.b.k, init, c, args.ldc, prefetch, fetch, residual_at(args, row, column), args.ldr});
      if (kind != Activation::none || args.residual != nullptr) finish<kind>(c, args.ldc, residual_at(args, row, column), args.ldr, rows, width);
      row += rows;
    }
  }

  // What comes after the columns before this one, while so many are multiplied: as many, or the weights of the next product.
  static Fetch behind(const GemmF32Args& args, std::size_t column, std::size_t width) noexcept {
    if (args.b.k < kBlock) return {};
    const std::size_t end = args.panel_end * kPanelWidth < args.b.n ? args.panel_end * kPanelWidth : args.b.n;
    const std::size_t most = args.b.k * width * sizeof(float);
    const bool last = column >= end;
    const std::size_t left = last ? args.next_bytes : args.b.k * (end - column) * sizeof(float);
    const std::size_t steps = args.b.k / kBlock * ((args.rows + kRows - 1) / kRows);
    return {last ? args.next : args.b.data + column * args.b.k, left < most ? left : most, steps, kLongSteps};
  }

  // The last panel when n is not a multiple of a vector: tiles of full vectors go through a buffer, only valid outputs are written.
  template <Activation kind>
  static void run_ragged_panel(const GemmF32Args& args, std::size_t column, std::size_t width) noexcept {
    const std::size_t vectors = (width + kLanes - 1) / kLanes;
    alignas(64) float init[kPanelWidth] = {};
    alignas(64) float buffer[kRows * kPanelWidth];
    Fetch fetch;
    if (args.bias != nullptr)
      for (std::size_t j = 0; j < width; ++j) init[j] = args.bias[column + j];
    for (std::size_t row = 0; row < args.rows;) {
      const std::size_t rows = next_tile_rows(args.rows - row);
      const float* b = args.b.data + column * args.b.k;
      select(rows, vectors)({args.a + row * args.lda, args.lda, b, args.b.k, init, buffer, kPanelWidth, kPrefetch, fetch, nullptr, 0});
      finish<kind>(buffer, kPanelWidth, residual_at(args, row, column), args.ldr, rows, width);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t j = 0; j < width; ++j) args.c[(row + r) * args.ldc + column + j] = buffer[r * kPanelWidth + j];
      row += rows;
    }
  }

  // Tiles of nearly equal height: 9 rows are 5 + 4, not 8 + 1, since a tile of one row cannot hide the latency of its few chains.
  static std::size_t next_tile_rows(std::size_t left) noexcept {
    const std::size_t tiles = (left + kRows - 1) / kRows;
    return (left + tiles - 1) / tiles;
  }
  static const float* residual_at(const GemmF32Args& args, std::size_t row, std::size_t column) noexcept {
    return args.residual == nullptr ? nullptr : args.residual + row * args.ldr + column;
  }
};

}  // namespace berth::kernels
