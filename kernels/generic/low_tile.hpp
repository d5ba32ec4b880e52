// The low-precision tile on vectors, and the two products it is made from: INT8, whose sums are exact 32-bit integers whatever the instruction set,
// and BF16, which sums pairs in FP32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct S8Product {
  using Args = GemmS8Args;
  using Sum = typename Isa::I32;
  static constexpr int kRows = Isa::kS8Rows;
  static constexpr int kPanels = Isa::kS8Panels;
  static constexpr std::size_t kGroup = 4;  // steps of k in 32 bits

  static Sum start(const Args& args, std::size_t column) noexcept { return Isa::s8_start(args.b.column_sums + column); }
  static auto weights(const std::int8_t* p) noexcept { return Isa::s8_weights(p); }
  static auto activations(const std::int8_t* p) noexcept { return Isa::s8_activations(p); }
  template <class A, class B>
  static Sum step(Sum sum, A a, B b) noexcept {
    return Isa::s8_step(sum, a, b);
  }
  static void store(float* to, Sum sum) noexcept { Isa::store_i32(to, sum); }
};

template <VectorIsa Isa>
struct Bf16Product {
  using Args = GemmBf16Args;
  using Sum = typename Isa::F32;
  static constexpr int kRows = Isa::kBf16Rows;
  static constexpr int kPanels = Isa::kBf16Panels;
  static constexpr std::size_t kGroup = 2;

  static Sum start(const Args&, std::size_t) noexcept { return Isa::set1(0.0F); }
  static auto weights(const std::uint16_t* p) noexcept { return Isa::bf16_weights(p); }
  static auto activations(const std::uint16_t* p) noexcept { return Isa::bf16_activations(p); }
  template <class A, class B>
  static Sum step(Sum sum, A a, B b) noexcept {
    return Isa::bf16_step(sum, a, b);
  }
  static void store(float* to, Sum sum) noexcept { Isa::store(to, sum); }
};

template <VectorIsa Isa, class Product>
struct LowTile {
  using Args = typename Product::Args;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr int kRows = Product::kRows;
  static constexpr int kPanels = Product::kPanels;
  static constexpr bool kMeanwhile = false;
  static constexpr std::size_t kGroupBytes = 0;
  static constexpr int kVectors = static_cast<int>(kLowPanelWidth / kLanes);  // of a panel
  struct Scope {};

  static constexpr std::size_t panels(std::size_t) noexcept { return kPanels; }
  // Tiles of nearly equal height, as in FP32.
  static constexpr std::size_t rows(std::size_t left) noexcept {
    const std::size_t tiles = (left + kRows - 1) / kRows;
    return (left + tiles - 1) / tiles;
  }

  // Nothing to do meanwhile: the vector units are busy with the products.
  template <class Meanwhile>
  static void run(const Args& args, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo,
                  Meanwhile&) noexcept {
    kTiles.at[panels - 1][rows - 1](args, row, panel, out, ldo);
  }

 private:
  static constexpr std::size_t kGroupSize = Product::kGroup * kLowPanelWidth;  // elements: one group of k for each output of a panel
  static constexpr std::size_t kPrefetch = 24 * kGroupSize;                    // as far ahead as the FP32 tile

  template <int rows, int panels>
  static void tile(const Args& args, std::size_t row, std::size_t panel, float* out, std::size_t ldo) noexcept {
    constexpr int columns = panels * kVectors;
    const std::size_t panel_size = args.b.k_padded * kLowPanelWidth;
    const auto column = [panel](int v) { return panel * kLowPanelWidth + static_cast<std::size_t>(v) * kLanes; };
    typename Product::Sum sum[rows][columns];
    for (int v = 0; v < columns; ++v) {
      const auto start = Product::start(args, column(v));
      for (int r = 0; r < rows; ++r) sum[r][v] = start;
    }
    auto b = args.b.data + panel * panel_size;
    if constexpr (requires { Isa::s8_shift(nullptr, nullptr); } && Product::kGroup == 4) {
      // vpdpbusd wants unsigned activations: shifted once for all the panels of a tile, a stretch of k at a time.
      constexpr std::size_t kStretch = 512;
      alignas(64) std::int8_t shifted[rows][kStretch];
      const std::int8_t* a[rows];
      for (int r = 0; r < rows; ++r) a[r] = shifted[r];
      for (std::size_t begin = 0; begin < args.b.k_padded; begin += kStretch) {
        const std::size_t stretch = args.b.k_padded - begin < kStretch ? args.b.k_padded - begin : kStretch;
        for (int r = 0; r < rows; ++r)
          for (std::size_t k = 0; k < stretch; k += 64) Isa::s8_shift(shifted[r] + k, args.a + (row + static_cast<std::size_t>(r)) * args.lda + begin + k);
        add_products<rows, columns>(a, stretch, b, panel_size, sum);
        b += stretch * kLowPanelWidth;
      }
    } else {
      decltype(args.a) a[rows];
      for (int r = 0; r < rows; ++r) a[r] = args.a + (row + static_cast<std::size_t>(r)) * args.lda;
      add_products<rows, columns>(a, args.b.k_padded, b, panel_size, sum);
    }
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < columns; ++v) Product::store(out + static_cast<std::size_t>(r) * ldo + static_cast<std::size_t>(v) * kLanes, sum[r][v]);
  }

  // sum += a [rows, depth] * b, whose panels are panel_size apart.
  template <int rows, int columns, class Element>
  [[gnu::always_inline]] static void add_products(const Element* const (&a)[rows], std::size_t depth, const Element* b, std::size_t panel_size,
                                                  typename Product::Sum (&sum)[rows][columns]) noexcept {
    for (std::size_t k = 0; k < depth; k += Product::kGroup, b += kGroupSize) {
      decltype(Product::weights(b)) weights[columns];
      for (int v = 0; v < columns; ++v) {
        const auto from = b + static_cast<std::size_t>(v / kVectors) * panel_size + static_cast<std::size_t>(v % kVectors) * kLanes * Product::kGroup;
        if (v % kVectors == 0) Isa::prefetch(reinterpret_cast<const float*>(from + kPrefetch));
        weights[v] = Product::weights(from);
      }
      for (int r = 0; r < rows; ++r) {
        const auto x = Product::activations(a[r] + k);
        for (int v = 0; v < columns; ++v) sum[r][v] = Product::step(sum[r][v], x, weights[v]);
      }
    }
  }

  using TileFunction = void (*)(const Args&, std::size_t, std::size_t, float*, std::size_t) noexcept;
  struct Tiles {
    TileFunction at[kPanels][kRows];
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
    fill<kPanels, kRows>(tiles);
    return tiles;
  }
  static constexpr Tiles kTiles = make_tiles();
};

}  // namespace berth::kernels
