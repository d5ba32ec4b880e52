// What work is done with: the kernels of the chosen instruction set and the threads. Refers, never owns.
#pragma once

#include "base/parallel.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::engine {

struct Compute {
  const kernels::KernelTable& kernels;
  const kernels::LowKernelTable& low;
  const base::ThreadPool& pool;
};

}  // namespace berth::engine
