// The low-precision tile on vectors, and the two products it is made from: INT8, whose sums are exact 32-bit integers whatever the instruction set,
// and BF16, which sums pairs in FP32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/generic/gemm_low.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct S8Product {
  using Args = GemmS8Args;
  using Sum = typename Isa::I32;
  static constexpr int kRows = Isa::kS8Rows;
  static constexpr int kPanels = Isa::kS8Panels;
  static constexpr std::size_t kGroup = 4;                                        // steps of k in 32 bits
  static constexpr bool kStages = requires { Isa::s8_stage(nullptr, nullptr); };  // reads activations in a form of its own
  static constexpr bool kOrders = requires { Isa::s8_unstaged(nullptr); };        // and the weights of matrices with bounded pairs

  static Sum start(const Args& args, std::size_t column) noexcept { return Isa::s8_start(args.b.column_sums + column); }
  static auto weights(const std::int8_t* p) noexcept { return Isa::s8_weights(p); }
  static auto activations(const std::int8_t* p) noexcept { return Isa::s8_activations(p); }
  static auto unstaged(const std::int8_t* p) noexcept { return Isa::s8_unstaged(p); }
  template <class A, class B>
  static Sum step(Sum sum, A a, B b) noexcept {
    return Isa::s8_step(sum, a, b);
  }
  static Sum load(const float* from) noexcept { return Isa::load_i32(from); }
  static void store(float* to, Sum sum) noexcept { Isa::store_i32(to, sum); }
};

template <VectorIsa Isa>
struct Bf16Product {
  using Args = GemmBf16Args;
  using Sum = typename Isa::F32;
  static constexpr int kRows = Isa::kBf16Rows;
  static constexpr int kPanels = Isa::kBf16Panels;
  static constexpr std::size_t kGroup = 2;
  static constexpr bool kStages = false;
  static constexpr bool kOrders = false;

  static Sum start(const Args&, std::size_t) noexcept { return Isa::set1(0.0F); }
  static auto weights(const std::uint16_t* p) noexcept { return Isa::bf16_weights(p); }
  static auto activations(const std::uint16_t* p) noexcept { return Isa::bf16_activations(p); }
  template <class A, class B>
  static Sum step(Sum sum, A a, B b) noexcept {
    return Isa::bf16_step(sum, a, b);
  }
  static Sum load(const float* from) noexcept { return Isa::load(from); }
  static void store(float* to, Sum sum) noexcept { Isa::store(to, sum); }
};

template <VectorIsa Isa, class Product>
struct LowTile {
  using Args = typename Product::Args;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr int kRows = Product::kRows;
  // Staged activations serve a few register tiles side by side.
  static constexpr int kPasses = Product::kOrders ? 12 : Product::kStages ? 4 : 1;
  static constexpr int kPanels = Product::kPanels * kPasses;
  static constexpr bool kMeanwhile = false;
  static constexpr std::size_t kGroupBytes = 0;
  static constexpr std::size_t kFewRows = kReadsAhead<Isa> ? 0 : static_cast<std::size_t>(kRows) * Product::kPanels;
  static constexpr int kVectors = static_cast<int>(kLowPanelWidth / kLanes);  // of a panel
  struct Scope {};

  static constexpr std::size_t panels(std::size_t) noexcept { return kPanels; }
  static constexpr std::size_t panels_at_once(std::size_t) noexcept { return Product::kPanels; }
  // Tiles of nearly equal height, as in FP32.
  static constexpr std::size_t rows(std::size_t left) noexcept {
    const std::size_t tiles = (left + kRows - 1) / kRows;
    return (left + tiles - 1) / tiles;
  }

  // The vector units are busy with the products, so all there is to do meanwhile is to fetch weights.
  template <class Meanwhile>
  static void run(const Args& args, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo,
                  Meanwhile& meanwhile) noexcept {
    const Element* a = args.a + row * args.lda;
    meanwhile.fetch.run_any([&](Asked & fetch) __attribute__((always_inline)) {
      if constexpr (Product::kStages) {
        alignas(64) Element staged[kRows * kStagedRow];
        for (std::size_t begin = 0; begin < args.b.k_padded; begin += kStretch) {
          const std::size_t depth = args.b.k_padded - begin < kStretch ? args.b.k_padded - begin : kStretch;
          for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t k = 0; k < depth; k += kLowRowBytes) Isa::s8_stage(staged + r * kStagedRow + k, a + r * args.lda + begin + k);
          run_passes({staged, begin, depth, a}, args, rows, panel, panels, out, ldo, fetch);
        }
      } else {
        run_passes({a, 0, args.b.k_padded, a}, args, rows, panel, panels, out, ldo, fetch);
      }
    });
  }

 private:
  using Element = std::remove_cvref_t<decltype(*Args{}.a)>;
  using Asked = Fetch::Steps<Fetch::kAnyNumber>;
  // Of k that is staged at a time: up to 9 KB where there is but one order. Sums are stored and loaded again in between, which at 512 costs 2% of a product.
  static constexpr std::size_t kStretch = Product::kOrders ? kS8Stretch : 1024;
  static constexpr std::size_t kStagedRow = kStretch * (Product::kOrders ? kS8OrderCount : 1);
  static constexpr std::size_t kStep = kLowRowBytes / sizeof(Element);         // of k between two fetches
  static constexpr std::size_t kGroupSize = Product::kGroup * kLowPanelWidth;  // elements: one group of k for each output of a panel
  static constexpr std::size_t kPrefetch = 24 * kGroupSize;                    // as far ahead as the FP32 tile

  // Columns [begin, begin + depth) of k: where they are staged, in rows that are kStagedRow apart; else where the caller has them.
  struct Rows {
    const Element* data;
    std::size_t begin;
    std::size_t depth;
    const Element* unstaged;  // the same rows from k = 0 on, args.lda apart
  };

  static void run_passes(const Rows& a, const Args& args, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo,
                         Asked& fetch) noexcept {
    for (std::size_t p = 0; p < panels; p += Product::kPanels) {
      const std::size_t now = panels - p < Product::kPanels ? panels - p : Product::kPanels;
      kTiles.at[now - 1][rows - 1](a, args, panel + p, out + p * kLowPanelWidth, ldo, fetch);
    }
  }

  // out (at first: = else +=) the products of one stretch of k.
  template <int rows, int panels>
  static void tile(const Rows& a, const Args& args, std::size_t panel, float* out, std::size_t ldo, Asked& fetch) noexcept {
    constexpr int columns = panels * kVectors;
    const std::size_t panel_size = args.b.k_padded * kLowPanelWidth;
    const auto at = [&](int r, int v) { return out + static_cast<std::size_t>(r) * ldo + static_cast<std::size_t>(v) * kLanes; };
    typename Product::Sum sum[rows][columns];
    for (int v = 0; v < columns; ++v)
      for (int r = 0; r < rows; ++r)
        sum[r][v] = a.begin == 0 ? Product::start(args, panel * kLowPanelWidth + static_cast<std::size_t>(v) * kLanes) : Product::load(at(r, v));
    const Element* x[rows];
    for (int r = 0; r < rows; ++r) x[r] = a.data + static_cast<std::size_t>(r) * (Product::kStages ? kStagedRow : args.lda);
    const std::uint16_t* places = nullptr;
    if constexpr (Product::kOrders) places = args.b.bounded.places + (panel * args.b.k_padded + a.begin) / Product::kGroup;
    Asked now = fetch;
    const Element* b = args.b.data + panel * panel_size + a.begin * kLowPanelWidth;
    std::size_t k = 0;
    do {
      now.step();
      add_products<rows, columns>(x, k, places, b, panel_size, sum);
      k += kStep;
      b += kStep * kLowPanelWidth;
      if constexpr (Product::kOrders) places += kStep / Product::kGroup;
    } while (k < a.depth);
    fetch = now;
    if constexpr (Product::kOrders) {
      if (a.begin + a.depth == args.b.k_padded) add_excess<rows, columns>(a.unstaged, args, panel, sum);
    }
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < columns; ++v) Product::store(at(r, v), sum[r][v]);
  }

  // sum += a [rows, k to k + kStep] * b, whose panels are panel_size apart. `places`: where these groups of k are staged, if they are in orders.
  template <int rows, int columns>
  [[gnu::always_inline]] static void add_products(const Element* const (&a)[rows], std::size_t k, const std::uint16_t* places, const Element* b,
                                                  std::size_t panel_size, typename Product::Sum (&sum)[rows][columns]) noexcept {
#pragma GCC unroll 1
    for (std::size_t group = 0; group < kStep / Product::kGroup; ++group, k += Product::kGroup, b += kGroupSize) {
      decltype(Product::weights(b)) weights[columns];
      for (int v = 0; v < columns; ++v) {
        const auto from = b + static_cast<std::size_t>(v / kVectors) * panel_size + static_cast<std::size_t>(v % kVectors) * kLanes * Product::kGroup;
        if (v % kVectors == 0) Isa::prefetch(reinterpret_cast<const float*>(from + kPrefetch));
        weights[v] = Product::weights(from);
      }
      const std::size_t at = Product::kOrders ? places[group] : k;
      for (int r = 0; r < rows; ++r) {
        const auto x = Product::activations(a[r] + at);
        for (int v = 0; v < columns; ++v) sum[r][v] = Product::step(sum[r][v], x, weights[v]);
      }
    }
  }

  // sum += a [rows, all of k] * what the weights of a panel have beyond their bounds.
  template <int rows, int columns>
  [[gnu::always_inline]] static void add_excess(const Element* a, const Args& args, std::size_t panel, typename Product::Sum (&sum)[rows][columns]) noexcept {
    static_assert(columns == kVectors, "panels have orders of their own");
    const S8BoundedView& bounded = args.b.bounded;
    for (std::size_t i = bounded.excess_first[panel]; i < bounded.excess_first[panel + 1]; ++i) {
      decltype(Product::weights(bounded.excess)) weights[columns];
      for (int v = 0; v < columns; ++v) weights[v] = Product::weights(bounded.excess + i * kGroupSize + static_cast<std::size_t>(v) * kLanes * Product::kGroup);
      for (int r = 0; r < rows; ++r) {
        const auto x = Product::unstaged(a + static_cast<std::size_t>(r) * args.lda + bounded.excess_groups[i] * Product::kGroup);
        for (int v = 0; v < columns; ++v) sum[r][v] = Product::step(sum[r][v], x, weights[v]);
      }
    }
  }

  struct Tiles {
    void (*at[Product::kPanels][kRows])(const Rows&, const Args&, std::size_t, float*, std::size_t, Asked&) noexcept;
  };
  template <int panels, int rows>
  static constexpr void fill(Tiles& tiles) {
    tiles.at[panels - 1][rows - 1] = &tile<rows, panels>;
    if constexpr (rows > 1) {
      fill<panels, rows - 1>(tiles);
    } else if constexpr (panels > 1) {
      fill<panels - 1, kRows>(tiles);
    }
  }
  static constexpr Tiles make_tiles() {
    Tiles tiles{};
    fill<Product::kPanels, kRows>(tiles);
    return tiles;
  }
  static constexpr Tiles kTiles = make_tiles();
};

}  // namespace berth::kernels
