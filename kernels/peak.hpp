// The arithmetic peak of one core, measured: independent accumulators in registers, nothing from memory. What a product can reach at most.
#pragma once

#include <cstddef>

#include "kernels/isa.hpp"

namespace berth::kernels {

// Each runs `steps` steps, some nanoseconds each, and returns their operations, two for each product and sum. The caller takes the time. The
// instruction set must be usable here.

// FP32, vectors of `lanes` floats (KernelTable::lanes).
double run_peak_f32(std::size_t lanes, std::size_t steps);
// BF16 or INT8 products with 32-bit sums; 0 where the set has no BF16 products and FP32 does their work.
double run_peak_low(Isa isa, bool bf16, std::size_t steps);

}  // namespace berth::kernels
