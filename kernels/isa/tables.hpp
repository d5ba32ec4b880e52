// The tables that kernels/isa/*.cpp define. Using one on a CPU without its instruction set is undefined: kernels/dispatch.hpp chooses.
#pragma once

#include "kernels/kernel_table.hpp"

namespace berth::kernels {

extern const KernelTable kBaselineTable;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512Table;

extern const LowKernelTable kBaselineLowTable;
extern const LowKernelTable kAvx2LowTable;
extern const LowKernelTable kAvxVnniLowTable;
extern const LowKernelTable kAvx512LowTable;
extern const LowKernelTable kAvx512VnniLowTable;
extern const LowKernelTable kAvx512Bf16LowTable;
extern const LowKernelTable kAmxLowTable;

}  // namespace berth::kernels
