// AMX: eight tiles of 16 rows x 64 bytes. Vectors are those of AVX-512; only the products of tiles are its own.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa/avx512bf16.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

struct Amx : Avx512Bf16 {
  // One palette for all kernels: every tile is whole. Rows that a matrix does not have are computed and thrown away, so inputs must be readable up to
  // a multiple of 16 rows; k is padded with zeros by the packing.
  class Scope {
   public:
    Scope() noexcept {
      alignas(64) unsigned char config[64] = {};
      config[0] = 1;  // palette
      for (int tile = 0; tile < 8; ++tile) {
        config[16 + 2 * tile] = 64;  // bytes a row
        config[48 + tile] = 16;      // rows
      }
      _tile_loadconfig(config);
    }
    ~Scope() { _tile_release(); }  // a thread that keeps tile state costs every context switch 8 KB
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

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
template <class Type>
struct AmxTile {
  using Args = typename Type::Args;
  using Scope = Amx::Scope;
  static constexpr int kRows = 32;
  static constexpr int kPanels = 4;

  static constexpr std::size_t panels(std::size_t rows) noexcept { return rows <= 16 ? 4 : 2; }
  // Whole tiles first, so that what is read beyond the last row ends at a multiple of 16.
  static constexpr std::size_t rows(std::size_t left) noexcept { return left < kRows ? left : kRows; }

  static void run(const Args& args, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo) noexcept {
    const auto* a = reinterpret_cast<const unsigned char*>(args.a) + row * args.lda * Type::kElementBytes;
    const std::size_t panel_bytes = args.b.k_padded * Type::kElementBytes * kLowPanelWidth;
    const auto* b = reinterpret_cast<const unsigned char*>(args.b.data) + panel * panel_bytes;
    if (rows > 16) {
      panels == 2 ? square<2>(args, a, b, panel_bytes, out, ldo) : square<1>(args, a, b, panel_bytes, out, ldo);
    } else {
      switch (panels) {
        case 4: strip<4>(args, a, b, panel_bytes, out, ldo); break;
        case 3: strip<3>(args, a, b, panel_bytes, out, ldo); break;
        case 2: strip<2>(args, a, b, panel_bytes, out, ldo); break;
        default: strip<1>(args, a, b, panel_bytes, out, ldo); break;
      }
    }
    if constexpr (requires { args.a_scales; }) scale(args, row, rows, panel, panels, out, ldo);
  }

 private:
  static constexpr std::size_t kTileBytes = 1024;
  static constexpr std::size_t kPrefetch = 8 * kTileBytes;

  template <int panels>
  static void square(const Args& args, const unsigned char* a, const unsigned char* b, std::size_t panel_bytes, float* out,
                     std::size_t ldo) noexcept {
    const std::size_t stride = args.lda * Type::kElementBytes;
    const std::size_t steps = args.b.k_padded * Type::kElementBytes / 64;
    _tile_zero(0);
    _tile_zero(2);
    if constexpr (panels == 2) {
      _tile_zero(1);
      _tile_zero(3);
    }
    for (std::size_t k = 0; k < steps; ++k) {
      _tile_loadd(6, b + k * kTileBytes, 64);
      _tile_loadd(4, a + k * 64, stride);
      Type::template step<0, 4, 6>();
      _tile_loadd(5, a + 16 * stride + k * 64, stride);
      Type::template step<2, 5, 6>();
      if constexpr (panels == 2) {
        _tile_loadd(7, b + panel_bytes + k * kTileBytes, 64);
        Type::template step<1, 4, 7>();
        Type::template step<3, 5, 7>();
      }
    }
    _tile_stored(0, out, ldo * 4);
    _tile_stored(2, out + 16 * ldo, ldo * 4);
    if constexpr (panels == 2) {
      _tile_stored(1, out + 16, ldo * 4);
      _tile_stored(3, out + 16 * ldo + 16, ldo * 4);
    }
  }

  template <int panels>
  static void strip(const Args& args, const unsigned char* a, const unsigned char* b, std::size_t panel_bytes, float* out,
                     std::size_t ldo) noexcept {
    const std::size_t stride = args.lda * Type::kElementBytes;
    const std::size_t steps = args.b.k_padded * Type::kElementBytes / 64;
    _tile_zero(0);
    if constexpr (panels > 1) _tile_zero(1);
    if constexpr (panels > 2) _tile_zero(2);
    if constexpr (panels > 3) _tile_zero(3);
    for (std::size_t k = 0; k < steps; ++k) {
      const unsigned char* from = b + k * kTileBytes;
      // So few rows wait for the weights: ask for the ones to come.
      for (int p = 0; p < panels; ++p)
        for (int line = 0; line < 16; ++line) _mm_prefetch(reinterpret_cast<const char*>(from) + static_cast<std::size_t>(p) * panel_bytes + kPrefetch + line * 64, _MM_HINT_T0);
      _tile_loadd(4, a + k * 64, stride);
      _tile_loadd(5, from, 64);
      Type::template step<0, 4, 5>();
      if constexpr (panels > 1) {
        _tile_loadd(6, from + panel_bytes, 64);
        Type::template step<1, 4, 6>();
      }
      if constexpr (panels > 2) {
        _tile_loadd(7, from + 2 * panel_bytes, 64);
        Type::template step<2, 4, 7>();
      }
      if constexpr (panels > 3) {
        _tile_loadd(5, from + 3 * panel_bytes, 64);
        Type::template step<3, 4, 5>();
      }
    }
    _tile_stored(0, out, ldo * 4);
    if constexpr (panels > 1) _tile_stored(1, out + 16, ldo * 4);
    if constexpr (panels > 2) _tile_stored(2, out + 32, ldo * 4);
    if constexpr (panels > 3) _tile_stored(3, out + 48, ldo * 4);
  }

  // The 32-bit integers that the tiles left in `out`, to FP32 in place.
  static void scale(const GemmS8Args& args, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, float* out, std::size_t ldo) noexcept {
    for (std::size_t p = 0; p < panels; ++p) {
      const __m512 weights = _mm512_loadu_ps(args.b.scales + (panel + p) * kLowPanelWidth);
      for (std::size_t r = 0; r < rows; ++r) {
        float* at = out + r * ldo + p * kLowPanelWidth;
        const __m512 both = _mm512_mul_ps(_mm512_set1_ps(args.a_scales[row + r]), weights);
        _mm512_storeu_ps(at, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(at)), both));
      }
    }
  }
};

}  // namespace berth::kernels
