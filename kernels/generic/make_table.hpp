// Fills the table of one instruction set from the algorithms in this folder.
#pragma once

#include "kernels/generic/attention_f32.hpp"
#include "kernels/generic/gate.hpp"
#include "kernels/generic/gemm_f32.hpp"
#include "kernels/generic/norm.hpp"
#include "kernels/generic/quantize.hpp"
#include "kernels/generic/rotary.hpp"
#include "kernels/generic/vector_ops.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
constexpr KernelTable make_table() {
  return KernelTable{
      .lanes = Isa::kLanes,
      .panel_width = GemmF32<Isa>::kPanelWidth,
      .tile_rows = Isa::kTileRows,
      .gemm_f32 = &GemmF32<Isa>::run,
      .attention_f32_scratch = &AttentionF32<Isa>::scratch,
      .attention_f32 = &AttentionF32<Isa>::run,
      .layer_norm = &RowNorm<Isa, true>::run,
      .rms_norm = &RowNorm<Isa, false>::run,
      .rotary = &Rotary<Isa>::run,
      .gate = &Gate<Isa>::run,
      .activate = &VectorOps<Isa>::activate,
      .softmax = &VectorOps<Isa>::softmax,
      .load_row = &VectorOps<Isa>::load_row,
      .add_row = &VectorOps<Isa>::add_row,
      .scale = &VectorOps<Isa>::scale,
      .max_into = &VectorOps<Isa>::max_into,
      .add_scaled = &VectorOps<Isa>::add_scaled,
      .dot = &VectorOps<Isa>::dot,
      .quantize_rows = &Quantize<Isa>::f32_rows_to_s8,
      .quantize_bf16_rows = &Quantize<Isa>::bf16_rows_to_s8,
      .round_rows = &Quantize<Isa>::rows_to_bf16,
      .all_finite = &VectorOps<Isa>::all_finite,
  };
}

}  // namespace berth::kernels
