// What work is done with: the kernels of the chosen instruction set and the threads. Refers, never owns.
#pragma once

#include "base/parallel.hpp"
#include "engine/thread_shares.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::engine {

struct Compute {
  const kernels::KernelTable& kernels;
  const kernels::LowKernelTable& low;
  const base::ThreadPool& pool;
  ThreadShares* shares = nullptr;  // of products among a team's members, where the pool is one
};

// The calling thread alone, for work inside a task.
inline const base::ThreadPool& one_thread() {
  static const base::ThreadPool pool(1);
  return pool;
}

}  // namespace berth::engine
