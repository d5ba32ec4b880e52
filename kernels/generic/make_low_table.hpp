// Fills the low-precision table of one instruction set: which vectors finish the outputs, and which tiles make the sums.
#pragma once

#include "kernels/generic/attention_bf16.hpp"
#include "kernels/generic/gemm_low.hpp"
#include "kernels/generic/low_tile.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// For sets without BF16 products.
struct NoTile {};

template <VectorIsa Isa, class S8Tile, class Bf16Tile = NoTile, class F32Products = NoTile>
constexpr LowKernelTable make_low_table() {
  LowKernelTable table{.tile_rows = S8Tile::kRows,
                       .tile_panels = S8Tile::kPanels,
                       .reads_ahead = kReadsAhead<Isa>,
                       .gemm_s8 = &GemmLow<Isa, S8Tile>::run,
                       .bounded_pairs = false,
                       .gemm_bf16 = nullptr,
                       .attention_bf16_scratch = nullptr,
                       .attention_bf16 = nullptr,
                       .attention_bf16_rows = nullptr,
                       .gemm_f32 = nullptr,
                       .gemm_f32_scratch = nullptr};
  if constexpr (requires { Bf16Tile::kRows; }) {
    table.gemm_bf16 = &GemmLow<Isa, Bf16Tile>::run;
    table.attention_bf16_scratch = &AttentionBf16<Isa, Bf16Tile>::scratch;
    table.attention_bf16 = &AttentionBf16<Isa, Bf16Tile>::template run<float>;
    table.attention_bf16_rows = &AttentionBf16<Isa, Bf16Tile>::template run<std::uint16_t>;
  }
  if constexpr (requires(GemmF32Args args) { F32Products::run(args); }) {
    table.gemm_f32 = &F32Products::run;
    table.gemm_f32_scratch = &F32Products::scratch;
  }
  return table;
}

// For sets without a dot product of bytes: Isa::BoundedPairs multiplies matrices whose pairs are bounded, Isa the others.
template <VectorIsa Isa>
constexpr LowKernelTable make_bounded_low_table() {
  using Tile = LowTile<typename Isa::BoundedPairs, S8Product<typename Isa::BoundedPairs>>;
  LowKernelTable table = make_low_table<Isa, Tile>();
  table.bounded_pairs = true;
  table.tile_panels = 4;  // fewer than what is staged serves: tasks for more threads are worth more
  table.gemm_s8 = [](const GemmS8Args& args) noexcept {
    return args.b.bounded.places != nullptr ? GemmLow<Isa, Tile>::run(args) : GemmLow<Isa, LowTile<Isa, S8Product<Isa>>>::run(args);
  };
  return table;
}

}  // namespace berth::kernels
