// Cutting the work of one layer over threads. Only outputs are divided, never a sum: results do not depend on the number of threads.
#pragma once

#include <cstddef>

#include "base/parallel.hpp"
#include "engine/weights.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::engine {

struct Compute {
  const kernels::KernelTable& kernels;
  const base::ThreadPool& pool;
};

struct LinearArgs {
  const float* x = nullptr;  // [rows, layer.in()], row stride ldx
  std::size_t ldx = 0;
  float* y = nullptr;  // [rows, layer.out()], dense
  std::size_t rows = 0;
  kernels::Activation activation = kernels::Activation::none;
  const float* residual = nullptr;  // [rows, layer.out()], dense, or null
};

// y = activation(x W^T + b) + residual.
void run_linear(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept;

// out = LayerNorm(x) for [rows, size], dense.
void run_layer_norm(const Compute& compute, const Norm& norm, float epsilon, const float* x, float* out, std::size_t rows, std::size_t size) noexcept;

// Calls body(first, count, slot) over [0, rows) in stretches that take `cost` operations a row: few enough to be worth a thread's attention.
template <class Body>
void for_row_blocks(const base::ThreadPool& pool, std::size_t rows, std::size_t cost, Body&& body) noexcept {
  constexpr std::size_t kWorthATask = 64 * 1024;  // element operations: some 10 microseconds, against 2 to 5 for a parallel region
  const std::size_t by_cost = rows * cost / kWorthATask;
  const std::size_t most = static_cast<std::size_t>(pool.threads()) * 4;
  const std::size_t tasks = by_cost < 1 ? 1 : by_cost < most ? by_cost : most;
  const std::size_t blocks = tasks < rows ? tasks : rows;
  pool.parallel_for(blocks, [&](std::size_t i, std::size_t slot) noexcept {
    const std::size_t first = rows * i / blocks;
    body(first, rows * (i + 1) / blocks - first, slot);
  });
}

}  // namespace berth::engine
