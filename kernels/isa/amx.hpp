// AMX: eight tiles of 16 rows x 64 bytes. Vectors are those of AVX-512; only the products of tiles are its own.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa/avx512bf16.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

struct Amx : Avx512Bf16 {
  static constexpr bool kReadsAhead = false;

  // One palette for all kernels: every tile is whole. Rows that a matrix does not have are computed and thrown away, so inputs must be readable up to
  // a multiple of 16 rows; k is padded with zeros by the packing.
  struct alignas(64) Config {
    unsigned char bytes[64] = {1};  // the palette
    constexpr Config() noexcept {
      for (int tile = 0; tile < 8; ++tile) {
        bytes[16 + 2 * tile] = 64;  // bytes a row
        bytes[48 + tile] = 16;      // rows
      }
    }
  };
  class Scope {
   public:
    Scope() noexcept {
      static constexpr Config kConfig;                    // in memory beforehand: what is written byte by byte would be waited for
      __asm__ volatile("ldtilecfg %0" : : "m"(kConfig));  // the intrinsic of GCC 12 reads eight bytes in the eyes of the optimiser
    }
    ~Scope() { _tile_release(); }  // a thread that keeps tile state costs every context switch 8 KB
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

  // While another thread has the core's other half, a thread has hardly more registers for tiles than the eight it names, and tile instructions wait for one
  // another (docs/performance.md, "Where one pass goes"). Two things help, and cost nothing on a core of one's own: a tile is zeroed behind its last reader, for
  // then it takes no register, and something stands between any two of these instructions, if only code that does nothing.
  template <int tile>
  [[gnu::always_inline]] static void zero() noexcept {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
  }
  [[gnu::always_inline]] static void set_apart() noexcept { __asm__ volatile(".rept 8\n\t.byte 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n\t.endr"); }

  // The product of one step of k, 64 bytes of each row: s8 by s8 into s32, or pairs of BF16 into FP32. Written as assembly because GCC 12's
  // intrinsics paste their arguments as text, which a template's tile numbers are not.
  struct S8 {
    using Args = GemmS8Args;
    static constexpr std::size_t kElementBytes = 1;
    template <int c, int a, int b>
    [[gnu::always_inline]] static void step() noexcept {
      __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
    }
  };
  struct Bf16 {
    using Args = GemmBf16Args;
    static constexpr std::size_t kElementBytes = 2;
    template <int c, int a, int b>
    [[gnu::always_inline]] static void step() noexcept {
      __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
    }
  };
};

// Tiles of outputs on AMX: 2 x 2 accumulators (32 rows, 2 panels) need two loads of A and two of B for four products; up to 16 rows take 1 x 4.
// A product takes 16 cycles, a load 8 from L1 and twice that from L2, so a step of 2 x 2 has 64 cycles: enough for the vector units to finish a few
// vectors of the block before.
template <class Type>
struct AmxTile {
  using Args = typename Type::Args;
  using Scope = Amx::Scope;
  static constexpr int kRows = 32;
  static constexpr int kPanels = 4;
  static constexpr bool kMeanwhile = true;
  static constexpr std::size_t kFewRows = 0;
  static constexpr std::size_t kGroupBytes = 192 * 1024;  // 128 KB and 1 MB are 5 to 10% slower at 768 inputs, 256 KB 2%

  static constexpr std::size_t panels(std::size_t rows) noexcept { return rows <= 16 ? 4 : 2; }
  static constexpr std::size_t panels_at_once(std::size_t rows) noexcept { return panels(rows); }
  // Whole tiles first, so that what is read beyond the last row ends at a multiple of 16.
  static constexpr std::size_t rows(std::size_t left) noexcept { return left < kRows ? left : kRows; }

  template <class Meanwhile>
  static void run(const Args& args, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo,
                  Meanwhile& meanwhile) noexcept {
    const std::size_t panel_bytes = args.b.k_padded * Type::kElementBytes * kLowPanelWidth;
    const Place at{.a = reinterpret_cast<const unsigned char*>(args.a) + row * args.lda * Type::kElementBytes,
                   .stride = args.lda * Type::kElementBytes,
                   .b = reinterpret_cast<const unsigned char*>(args.b.data) + panel * panel_bytes,
                   .panel_bytes = panel_bytes,
                   .steps = args.b.k_padded * Type::kElementBytes / 64,
                   .out = out,
                   .ldo = ldo};
    if (rows > 16) {
      // Rows that do not fit L1 anyway need not pass through it.
      const bool cached = kRows * at.stride <= kCachedRows;
      if (panels == 2) {
        cached ? tile<2, 2>(at, meanwhile) : tile<2, 2, false>(at, meanwhile);
      } else {
        cached ? tile<2, 1>(at, meanwhile) : tile<2, 1, false>(at, meanwhile);
      }
      return;
    }
    switch (panels) {
      case 4: tile<1, 4>(at, meanwhile); break;
      case 3: tile<1, 3>(at, meanwhile); break;
      case 2: tile<1, 2>(at, meanwhile); break;
      default: tile<1, 1>(at, meanwhile); break;
    }
  }

 private:
  static constexpr std::size_t kTileBytes = 1024;
  static constexpr std::size_t kCachedRows = 40 * 1024;

  struct Place {
    const unsigned char* a;  // row stride `stride`
    std::size_t stride;
    const unsigned char* b;  // the panels' tiles of one step: 1 KB each, panel_bytes apart
    std::size_t panel_bytes;
    std::size_t steps;  // of 64 bytes of k
    float* out;
    std::size_t ldo;
  };

  // Many rows: their activations stay in L1 while weights pass, so weights are not to displace them. Assembly, as the products.
  template <int to, bool through_l1>
  [[gnu::always_inline]] static void load(const unsigned char* from, std::size_t stride) noexcept {
    if constexpr (through_l1) {
      __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(to));
    } else {
      __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(to));
    }
    Amx::set_apart();
  }

  // Accumulators are tiles 0 to 3 (panel p of the upper rows p, of the lower rows 2 + p), A 4 and 5, B 6.
  template <int row_tiles, int panels, bool cached = true, class Meanwhile>
  static void tile(const Place& at, Meanwhile& meanwhile) noexcept {
    static_assert(row_tiles == 1 || panels <= 2);
    Amx::zero<0>();
    if constexpr (panels > 1) Amx::zero<1>();
    if constexpr (panels > 2 || row_tiles == 2) Amx::zero<2>();
    if constexpr (panels > 3 || (row_tiles == 2 && panels == 2)) Amx::zero<3>();
    meanwhile.template run<panels == 2>(
        at.steps, [&](auto& now) __attribute__((always_inline)) {
          const unsigned char* a = at.a;
          const unsigned char* b = at.b;
          const std::size_t stride = at.stride;
          const std::size_t panel_bytes = at.panel_bytes;
          for (const unsigned char* const end = b + at.steps * kTileBytes; b != end; a += 64, b += kTileBytes) {
            load<6, false>(b, 64);
            now.template ask<0>();
            load<4, cached>(a, stride);
            Type::template step<0, 4, 6>();
            now.template ask<1>();
            if constexpr (row_tiles == 2) {
              if (!now.template pair<0>()) Amx::set_apart();
              load<5, cached>(a + 16 * stride, stride);
              Type::template step<2, 5, 6>();
            }
            if constexpr (panels > 1) {
              if (!now.template pair<1>()) Amx::set_apart();
              Amx::zero<6>();
              load<6, false>(b + panel_bytes, 64);
              if constexpr (row_tiles == 2) {
                Type::template step<3, 5, 6>();
                if (!now.template pair<2>()) Amx::set_apart();
                Amx::zero<5>();
              }
              Type::template step<1, 4, 6>();
            }
            now.template ask<2>();
            if constexpr (panels > 2) {
              Amx::set_apart();
              Amx::zero<6>();
              load<6, false>(b + 2 * panel_bytes, 64);
              Type::template step<2, 4, 6>();
            }
            if constexpr (panels > 3) {
              Amx::set_apart();
              Amx::zero<6>();
              load<6, false>(b + 3 * panel_bytes, 64);
              Type::template step<3, 4, 6>();
            }
            now.template ask<3>();
            Amx::set_apart();
            Amx::zero<4>();
            if constexpr (row_tiles == 2 && panels == 1) Amx::zero<5>();
            Amx::zero<6>();
            now.step();
          }
        });
    const std::size_t bytes = at.ldo * sizeof(float);
    _tile_stored(0, at.out, bytes);
    if constexpr (panels > 1) _tile_stored(1, at.out + 16, bytes);
    if constexpr (row_tiles == 2) {
      _tile_stored(2, at.out + 16 * at.ldo, bytes);
      if constexpr (panels > 1) _tile_stored(3, at.out + 16 * at.ldo + 16, bytes);
    } else {
      if constexpr (panels > 2) _tile_stored(2, at.out + 32, bytes);
      if constexpr (panels > 3) _tile_stored(3, at.out + 48, bytes);
    }
  }
};

}  // namespace berth::kernels
