// FP32 products on AMX, whose tiles multiply BF16 at sixteen times the rate of FP32 multiply-adds. A float's 24 bits are the exact sum of three BF16
// numbers of 8 bits each, x = x1 + x2 + x3 (Henry, Tang & Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for
// higher-precision computations"). Of the nine products of two such sums the six largest are computed, all into the same FP32 sums; the others are
// below 2^-23 of the product, which is what FP32 rounds at. The sums come out closer to the exact ones than a chain of multiply-adds does: they
// begin anew in every tile product.
//
// Weights stay FP32 in memory, packed as for GemmF32: a panel is split while the first rows are multiplied with it, beside the tiles, into a buffer
// in the second cache which all other rows use. k goes in stretches, so that the buffer and the split rows fit there; sums wait in c meanwhile. The
// panels to come are fetched in four streams (kernels/generic/fetch.hpp).
//
// Six tile products follow each other for every 32 steps of k, in this order whatever the number of rows: a row's result does not depend on its
// neighbours.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/generic/fetch.hpp"
#include "kernels/generic/math.hpp"
#include "kernels/isa/amx.hpp"
#include "kernels/isa/split_f32.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct AmxF32 {
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr std::size_t kPanelVectors = Isa::kTileVectors;  // of PackedF32View
  static constexpr std::size_t kTileRows = 16;
  static constexpr std::size_t kStep = 32;  // of k: what a tile of BF16 holds
  static constexpr std::size_t kParts = SplitF32<Isa>::kParts;
  static constexpr std::size_t kTileBytes = 1024;
  static constexpr std::size_t kBlockRows = 160;  // with a stretch of 768: 740 KB of split rows beside 150 KB of split weights
  static constexpr std::size_t kStretch = 768;
  static constexpr std::size_t kStride = kPanelVectors * kLanes;  // floats between two steps of k, in all but the last panel
  static constexpr std::size_t kMostColumns = 3;                  // tiles of 16 outputs at a time

  // In floats, for any number of rows.
  static std::size_t scratch(std::size_t rows, std::size_t k) noexcept {
    const Plan p = plan(rows, k);
    return p.total / sizeof(float);
  }

  static void run(const GemmF32Args& args) noexcept {
    const typename Isa::Scope scope;
    const Plan p = plan(args.rows, args.b.k);
    auto* base = reinterpret_cast<unsigned char*>(args.scratch);
    for (std::size_t first = 0; first < args.rows; first += kBlockRows) {
      const std::size_t rows = args.rows - first < kBlockRows ? args.rows - first : kBlockRows;
      run_block(args, first, rows, {base, base + p.weights, reinterpret_cast<float*>(base + p.sums)});
    }
  }

 private:
  using F32 = typename Isa::F32;
  using Order = typename SplitF32<Isa>::Order;

  // Bytes. Rows: for each 32 of them [steps, parts, 1 or 2 tiles]. Weights: [steps, parts, tiles of columns]. Sums: 32 x 32 or 16 x 48.
  struct Plan {
    std::size_t weights;
    std::size_t sums;
    std::size_t total;
  };
  static Plan plan(std::size_t rows, std::size_t k) noexcept {
    const std::size_t steps = divide_up(k < kStretch ? k : kStretch, kStep);
    const std::size_t row_tiles = divide_up(rows < kBlockRows ? rows : kBlockRows, kTileRows);
    Plan p{};
    p.weights = row_tiles * steps * kParts * kTileBytes;
    p.sums = p.weights + kMostColumns * steps * kParts * kTileBytes;
    p.total = p.sums + 4 * kTileBytes;
    return p;
  }

  struct Scratch {
    unsigned char* rows;
    unsigned char* weights;
    float* sums;
  };

  // Columns of 16 outputs: where their weights begin, and the floats between two steps of k.
  struct Column {
    const float* weights;
    std::size_t stride;
  };
  static Column column_at(const PackedF32View& b, std::size_t column) noexcept {
    const std::size_t panel = column / kPanelVectors * kPanelVectors * kLanes;
    const std::size_t left = divide_up(b.n - panel, kLanes);
    const std::size_t width = (left < kPanelVectors ? left : kPanelVectors) * kLanes;
    return {b.data + panel * b.k + column % kPanelVectors * kLanes, width};
  }

  // Part of a product: k in [k, k + size), columns from `column` on.
  struct Place {
    std::size_t first;  // row
    std::size_t rows;
    std::size_t column;  // in vectors
    std::size_t k;
    std::size_t size;
  };

  static void run_block(const GemmF32Args& args, std::size_t first, std::size_t rows, const Scratch& scratch) noexcept {
    const std::size_t end = divide_up(args.b.n, kLanes);
    const std::size_t last_column = args.panel_end * kPanelVectors < end ? args.panel_end * kPanelVectors : end;
    const std::size_t stretches = divide_up(args.b.k, kStretch);
    const std::size_t stretch = divide_up(divide_up(args.b.k, stretches), kStep) * kStep;
    for (std::size_t k = 0; k < args.b.k; k += stretch) {
      const std::size_t size = args.b.k - k < stretch ? args.b.k - k : stretch;
      split_rows(args, first, rows, k, size, scratch.rows);
      for (std::size_t column = args.panel_begin * kPanelVectors; column < last_column;) {
        const std::size_t left = last_column - column;
        Place at{.first = first, .rows = rows, .column = column, .k = k, .size = size};
        if (rows <= kTileRows && left >= 3 && column % kPanelVectors == 0) {  // few rows wait for weights: whole panels, as they lie in memory
          run_columns<3>(args, at, scratch);
          column += 3;
        } else if (left >= 2) {
          run_columns<2>(args, at, scratch);
          column += 2;
        } else {
          run_columns<1>(args, at, scratch);
          ++column;
        }
      }
    }
  }

  // The first rows split the columns' weights as they go, the others find them split.
  template <std::size_t columns>
  static void run_columns(const GemmF32Args& args, Place at, const Scratch& scratch) noexcept {
    const std::size_t steps = divide_up(at.size, kStep);
    const std::size_t end = at.first + at.rows;
    const unsigned char* a = scratch.rows;
    const std::size_t later = at.rows <= 32 ? 0 : (at.rows - 1) / 32;
    Fetch fetch = fetch_during<columns>(args, at, 6 * steps * (later == 0 ? 1 : later));
    for (std::size_t row = at.first; row < end; row += 32) {
      at.first = row;
      at.rows = end - row < 32 ? end - row : 32;
      const bool splits = a == scratch.rows;
      if (at.rows > kTileRows) {
        if constexpr (columns <= 2) {
          if (later == 0) {
            multiply<2, columns, Splits::to_forget>(args, at, a, scratch, fetch);
          } else {
            splits ? multiply<2, columns, Splits::to_keep>(args, at, a, scratch, fetch) : multiply<2, columns, Splits::before>(args, at, a, scratch, fetch);
          }
        }
        a += 2 * steps * kParts * kTileBytes;
      } else {
        later == 0 ? multiply<1, columns, Splits::to_forget>(args, at, a, scratch, fetch) : multiply<1, columns, Splits::before>(args, at, a, scratch, fetch);
      }
    }
  }

  // What to fetch while these columns are multiplied, in so many steps: whole panels, as they lie in memory, so that each has come when its first column's
  // turn is. A panel has three columns; two at a time are (0, 1), then (2, 0) and (1, 2), where a panel begins in the first and in the second: all of the
  // next panel during the first, half of the one after it during either of the others.
  template <std::size_t columns>
  static Fetch fetch_during(const GemmF32Args& args, const Place& at, std::size_t steps) noexcept {
    if (columns == 1) return {};
    const std::size_t begins = at.column % kPanelVectors;
    std::size_t panel = at.column / kPanelVectors + (begins == 2 ? 2 : 1);
    std::size_t k = at.k;
    std::size_t size = at.size;
    if (panel >= args.panel_end) {  // from the beginning, for the next stretch
      panel = panel - args.panel_end + args.panel_begin;
      k += size;
      size = args.b.k - k < size ? args.b.k - k : size;
      if (size == 0 || panel >= args.panel_end) return {};
    }
    const Column from = column_at(args.b, panel * kPanelVectors);
    const std::size_t bytes = size * from.stride * sizeof(float);
    const auto* const data = reinterpret_cast<const unsigned char*>(from.weights + k * from.stride);
    return begins == 0 ? Fetch{data, bytes, steps, true} : Fetch{begins == 2 ? data : data + bytes / 2, bytes / 2, steps, true};
  }

  // Whether a tile finds its weights split, or splits them: for the rows behind it, or for itself alone in a buffer that stays in L1.
  enum class Splits { before, to_keep, to_forget };

  // One tile of up to 32 rows and `columns` columns: a stretch of k, and behind the last one what finishes the outputs.
  template <int row_tiles, std::size_t columns, Splits splits>
  static void multiply(const GemmF32Args& args, const Place& at, const unsigned char* a, const Scratch& scratch, Fetch& fetch) noexcept {
    constexpr std::size_t width = columns * kLanes;
    float* sums = scratch.sums;
    if (at.k > 0) load_sums<columns>(args, at, sums);
    load_tiles<row_tiles, columns>(sums, at.k == 0);
    Column from[columns];
    for (std::size_t j = 0; j < columns; ++j) {
      from[j] = column_at(args.b, at.column + j);
      from[j].weights += at.k * from[j].stride;
    }
    unsigned char* const b = scratch.weights;
    unsigned char* b_step = b;
    const std::size_t steps = divide_up(at.size, kStep);
    const std::size_t whole = at.size / kStep;
    constexpr std::size_t kStepBytes = columns * kParts * kTileBytes;
    constexpr int slots = kSlots<row_tiles, columns>;
    if constexpr (splits != Splits::before) {
      constexpr std::size_t pairs = kTileRows * columns;
      // Weights are split so many steps before they are multiplied: a tile is loaded from the cache, so its stores must have got there.
      constexpr std::size_t kAhead = splits == Splits::to_keep ? 2 : 1;
      constexpr std::size_t ring = splits == Splits::to_keep ? 0 : (kAhead + 1) * kStepBytes;
      const auto next = [b](unsigned char* at_step) {
        at_step += kStepBytes;
        if constexpr (ring > 0) return at_step == b + ring ? b : at_step;
        return at_step;
      };
      unsigned char* to = b;
      std::size_t split = 0;
      const auto split_step = [&] {
        if (split < whole) {
          split_pairs<columns, 0, pairs>(from, to);
        } else {
          split_last<columns>(from, at.size - whole * kStep, to);
        }
        ++split;
        to = next(to);
      };
      while (split < kAhead && split < steps) split_step();
      Fetch nothing;
      (splits == Splits::to_forget ? fetch : nothing).run_any([&](auto& asked) __attribute__((always_inline)) {
        for (std::size_t s = 0; s < steps; ++s, a += row_tiles * kParts * kTileBytes, b_step = next(b_step)) {
          if (split < whole) {
            step<row_tiles, columns>(
                a, b_step, [&]<int slot>() __attribute__((always_inline)) {
                  split_pairs<columns, pairs * slot / slots, pairs*(slot + 1) / slots>(from, to);
                  if constexpr (splits == Splits::to_forget && slot * 6 % slots == 0) ask(asked);
                });
            ++split;
            to = next(to);
          } else {
            if (split < steps) split_step();
            step<row_tiles, columns>(
                a, b_step, []<int>() __attribute__((always_inline)) { Isa::set_apart(); });
          }
        }
      });
    } else {
      fetch.run_any([&](auto& asked) __attribute__((always_inline)) {
        for (std::size_t s = 0; s < steps; ++s, a += row_tiles * kParts * kTileBytes, b_step += kStepBytes)
          step<row_tiles, columns>(
              a, b_step, [&]<int slot>() __attribute__((always_inline)) {
                Isa::set_apart();
                if constexpr (slot * 6 % slots == 0) ask(asked);
              });
      });
    }
    store_tiles<row_tiles, columns>(sums);
    if (at.k + at.size == args.b.k) {
      with_activation(args.activation, [&](auto tag) { finish<decltype(tag)::value, columns>(args, at, sums); });
    } else {
      for (std::size_t r = 0; r < at.rows; ++r)
        for (std::size_t j = 0; j < columns; ++j) store_columns(args, at, r, j, Isa::load(sums + r * width + j * kLanes));
    }
  }

  [[gnu::always_inline]] static void ask(Fetch::Steps<Fetch::kAnyNumber>& asked) noexcept {
    asked.part<0>();
    asked.part<1>();
    asked.part<2>();
    asked.part<3>();
  }

  // ---- tiles: sums 0 to 3 (row tile r and column c: 2 r + c), rows 4 and 5, weights the rest: 6 and 7, or 5 to 7 ----

  template <int tile>
  [[gnu::always_inline]] static void load(const void* from, std::size_t stride) noexcept {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
    Isa::set_apart();
  }
  template <int tile>
  [[gnu::always_inline]] static void store(void* to, std::size_t stride) noexcept {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(tile) : "memory");
  }

  template <int row_tiles, std::size_t columns, class F>
  [[gnu::always_inline]] static void for_sums(F&& f) noexcept {
    f.template operator()<0, 0, 0>();
    if constexpr (columns > 1) f.template operator()<1, 0, 1>();
    if constexpr (columns > 2) f.template operator()<2, 0, 2>();
    if constexpr (row_tiles > 1) f.template operator()<2, 1, 0>();
    if constexpr (row_tiles > 1 && columns > 1) f.template operator()<3, 1, 1>();
  }
  template <int row_tiles, std::size_t columns>
  [[gnu::always_inline]] static void load_tiles(const float* sums, bool begin) noexcept {
    constexpr std::size_t width = columns * kLanes;
    if (begin) {
      for_sums<row_tiles, columns>([]<int tile, int, int>() __attribute__((always_inline)) { Isa::template zero<tile>(); });
    } else {
      for_sums<row_tiles, columns>([&]<int tile, int r, int c>()
                                       __attribute__((always_inline)) { load<tile>(sums + r * kTileRows * width + c * kLanes, width * sizeof(float)); });
    }
  }
  template <int row_tiles, std::size_t columns>
  [[gnu::always_inline]] static void store_tiles(float* sums) noexcept {
    constexpr std::size_t width = columns * kLanes;
    for_sums<row_tiles, columns>([&]<int tile, int r, int c>()
                                     __attribute__((always_inline)) { store<tile>(sums + r * kTileRows * width + c * kLanes, width * sizeof(float)); });
  }

  // 32 steps of k: the products of these parts of rows and weights, of which neighbours share one. `meanwhile` is called kSlots times, between them:
  // vector work, in portions so small that the processor looks beyond them to the next tiles.
  template <int row_tiles, std::size_t columns>
  static constexpr int kSlots = 6 * row_tiles* static_cast<int>(columns);
  template <int row_tiles, std::size_t columns, class Meanwhile>
  [[gnu::always_inline]] static void step(const unsigned char* a, const unsigned char* b, Meanwhile&& meanwhile) noexcept {
    products<row_tiles, columns, 0, Part{0, true, false}, Part{2, true, true}>(a, b, meanwhile);
    products<row_tiles, columns, 1, Part{0, false, true}, Part{1, true, false}>(a, b, meanwhile);
    products<row_tiles, columns, 2, Part{1, true, false}, Part{1, false, true}>(a, b, meanwhile);
    products<row_tiles, columns, 3, Part{1, false, true}, Part{0, true, false}>(a, b, meanwhile);
    products<row_tiles, columns, 4, Part{0, true, true}, Part{0, false, false}>(a, b, meanwhile);
    products<row_tiles, columns, 5, Part{2, true, true}, Part{0, false, true}>(a, b, meanwhile);
  }
  // Which of the three parts, whether the products before had another, and whether those behind have.
  struct Part {
    int part;
    bool first;
    bool last;
  };
  // The products of rank `rank` of six. Tiles are loaded before their first product and forgotten behind their last.
  template <int row_tiles, std::size_t columns, int rank, Part rows, Part weights, class Meanwhile>
  [[gnu::always_inline]] static void products(const unsigned char* a, const unsigned char* b, Meanwhile&& meanwhile) noexcept {
    constexpr int slot = rank * row_tiles * static_cast<int>(columns);
    constexpr int first = columns == 3 ? 5 : 6;  // tile of weights; two row tiles never come with three columns
    for_sums<row_tiles, columns>([&]<int tile, int r, int c>() __attribute__((always_inline)) {
      if constexpr (rows.first && c == 0) load<4 + r>(a + (rows.part * row_tiles + r) * kTileBytes, 64);
      if constexpr (weights.first && r == 0) load<first + c>(b + (weights.part * columns + c) * kTileBytes, 64);
      product<tile, 4 + r, first + c, slot + r* static_cast<int>(columns) + c>(meanwhile);
      if constexpr (rows.last && c + 1 == static_cast<int>(columns)) Isa::template zero<4 + r>();
      if constexpr (weights.last && r + 1 == row_tiles) Isa::template zero<first + c>();
    });
  }
  template <int sum, int row, int weights, int slot, class Meanwhile>
  [[gnu::always_inline]] static void product(Meanwhile&& meanwhile) noexcept {
    Isa::Bf16::template step<sum, row, weights>();
    meanwhile.template operator()<slot>();
  }

  // ---- splitting ----

  // Rows [first, first + rows), k in [k, k + size), zeros up to whole steps.
  static void split_rows(const GemmF32Args& args, std::size_t first, std::size_t rows, std::size_t k, std::size_t size, unsigned char* to) noexcept {
    const std::size_t steps = divide_up(size, kStep);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t group = r / 32;
      const std::size_t tiles = rows - group * 32 > kTileRows ? 2 : 1;
      unsigned char* row = to + group * 2 * steps * kParts * kTileBytes + r % 32 / kTileRows * kTileBytes + r % kTileRows * 64;
      const float* x = args.a + (first + r) * args.lda + k;
      for (std::size_t s = 0; s < steps; ++s, x += kStep, row += tiles * kParts * kTileBytes) {
        const std::size_t left = size - s * kStep;
        if (left >= kStep) {
          SplitF32<Isa>::template split<Order::of_a_row>(Isa::load(x), Isa::load(x + kLanes), row, tiles * kTileBytes);
        } else {
          const F32 low = left >= kLanes ? Isa::load(x) : Isa::load_partial(x, left);
          const F32 high = left > kLanes ? Isa::load_partial(x + kLanes, left - kLanes) : Isa::set1(0.0F);
          SplitF32<Isa>::template split<Order::of_a_row>(low, high, row, tiles * kTileBytes);
        }
      }
    }
  }

  // Pairs [begin, end) of the 16 pairs of steps of k in each column. Behind a column's last one `from` goes on to the next pair.
  template <std::size_t columns, std::size_t begin, std::size_t end>
  [[gnu::always_inline]] static void split_pairs(Column (&from)[columns], unsigned char* to) noexcept {
    constexpr std::size_t kPrefetch = 16;  // steps of k
#pragma GCC unroll 64
    for (std::size_t i = begin; i < end; ++i) {
      Column& column = from[i % columns];
      const float* x = column.weights;
      Isa::prefetch(x + kPrefetch * kStride);
      Isa::prefetch(x + (kPrefetch + 1) * kStride);
      SplitF32<Isa>::template split<Order::of_two_rows>(Isa::load(x), Isa::load(x + column.stride), to + i % columns * kTileBytes + i / columns * 64,
                                                        columns * kTileBytes);
      column.weights += 2 * column.stride;
    }
  }
  // The step that has fewer than 32.
  template <std::size_t columns>
  static void split_last(const Column (&from)[columns], std::size_t size, unsigned char* to) noexcept {
    for (std::size_t j = 0; j < columns; ++j) {
      const auto at = [&](std::size_t k) { return k < size ? Isa::load(from[j].weights + k * from[j].stride) : Isa::set1(0.0F); };
      for (std::size_t pair = 0; pair < kTileRows; ++pair)
        SplitF32<Isa>::template split<Order::of_two_rows>(at(2 * pair), at(2 * pair + 1), to + j * kTileBytes + pair * 64, columns * kTileBytes);
    }
  }

  // ---- outputs ----

  static std::size_t valid_columns(const GemmF32Args& args, const Place& at, std::size_t j) noexcept {
    const std::size_t left = args.b.n - (at.column + j) * kLanes;
    return left < kLanes ? left : kLanes;
  }
  [[gnu::always_inline]] static F32 load_valid(const float* from, std::size_t valid) noexcept {
    return valid == kLanes ? Isa::load(from) : Isa::load_partial(from, valid);
  }
  static void store_columns(const GemmF32Args& args, const Place& at, std::size_t r, std::size_t j, F32 x) noexcept {
    float* to = args.c + (at.first + r) * args.ldc + (at.column + j) * kLanes;
    const std::size_t valid = valid_columns(args, at, j);
    valid == kLanes ? Isa::store(to, x) : Isa::store_partial(to, x, valid);
  }
  template <std::size_t columns>
  static void load_sums(const GemmF32Args& args, const Place& at, float* sums) noexcept {
    for (std::size_t r = 0; r < at.rows; ++r)
      for (std::size_t j = 0; j < columns; ++j) {
        const float* from = args.c + (at.first + r) * args.ldc + (at.column + j) * kLanes;
        Isa::store(sums + (r * columns + j) * kLanes, load_valid(from, valid_columns(args, at, j)));
      }
  }

  // c = activation(sums + bias) + residual, four vectors at a time where there are as many.
  template <Activation kind, std::size_t columns>
  static void finish(const GemmF32Args& args, const Place& at, const float* sums) noexcept {
    constexpr std::size_t together = 4 / columns;
    std::size_t r = 0;
    for (; r + together <= at.rows; r += together) finish_rows<kind, columns, together>(args, at, r, sums);
    for (; r < at.rows; ++r) finish_rows<kind, columns, 1>(args, at, r, sums);
  }
  template <Activation kind, std::size_t columns, std::size_t rows>
  [[gnu::always_inline]] static void finish_rows(const GemmF32Args& args, const Place& at, std::size_t row, const float* sums) noexcept {
    F32 x[rows * columns];
    for (std::size_t i = 0; i < rows * columns; ++i) {
      const std::size_t j = i % columns;
      x[i] = Isa::load(sums + row * columns * kLanes + i * kLanes);
      if (args.bias != nullptr) x[i] = Isa::add(x[i], load_valid(args.bias + (at.column + j) * kLanes, valid_columns(args, at, j)));
    }
    VectorMath<Isa>::template activate<kind>(x);
    for (std::size_t i = 0; i < rows * columns; ++i) {
      const std::size_t r = row + i / columns;
      const std::size_t j = i % columns;
      if (args.residual != nullptr)
        x[i] = Isa::add(x[i], load_valid(args.residual + (at.first + r) * args.ldr + (at.column + j) * kLanes, valid_columns(args, at, j)));
      store_columns(args, at, r, j, x[i]);
    }
  }

  static constexpr std::size_t divide_up(std::size_t a, std::size_t b) noexcept { return (a + b - 1) / b; }
};

}  // namespace berth::kernels
