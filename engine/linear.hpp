// Cutting the work of one layer over threads. Only outputs are divided, never a sum: results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/compute.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Rows of activations in the precision of the layer that reads them, beside their FP32 form. Never owns.
struct LowRows {
  std::byte* data = nullptr;  // [rows, padded]: s8 or BF16; readable up to a multiple of kernels::kLowRows rows
  float* scales = nullptr;    // [rows], for s8
  // Of FP32 layers on sets with LowKernelTable::gemm_f32: for each thread so many floats of its scratch. Null: such layers take KernelTable's product.
  float* tiles = nullptr;
  std::size_t tiles_stride = 0;
};

struct LinearArgs {
  const float* x = nullptr;         // [rows, layer.in]; read by FP32 layers
  std::size_t x_stride = 0;         // between the rows of x; 0: dense
  LowRows low = {};                 // the same rows, read by the others
  float* y = nullptr;               // [rows, layer.out]
  std::uint16_t* y_bf16 = nullptr;  // or this: BF16 with rows of low_row_bytes(bf16, layer.out), zeros at their ends; not of FP32 layers
  std::size_t y_stride = 0;         // between the rows of y or of y_bf16, where they are parts of wider ones; 0: dense
  std::size_t rows = 0;
  kernels::Activation activation = kernels::Activation::none;
  const float* residual = nullptr;  // [rows, layer.out], dense, or null
  const Linear* next = nullptr;     // the product that follows, whose first weights may be fetched meanwhile; or null
};

// y = activation(x W^T + b) + residual.
void run_linear(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept;
// The same for several layers of one size at a time: layer i has the rows [ends[i - 1], ends[i]) of all; there is no residual. `ends` is read inside the parallel
// region alone where the pool is a team, whose members may be at different products (base/team.hpp).
void run_linears(const Compute& compute, std::span<const Linear> layers, std::span<const std::size_t> ends, const LinearArgs& args) noexcept;

// low = x [rows, reader.in], dense, as `reader` reads its inputs: in its precision, multiplied with its input factors. Nothing to do for fp32.
void lower_rows(const Compute& compute, const Linear& reader, const float* x, std::size_t rows, const LowRows& low) noexcept;
// Rows [first, first + rows) of it, which are at x with row stride `stride`, on this thread.
void lower_block(const Compute& compute, const Linear& reader, const float* x, std::size_t stride, std::size_t first, std::size_t rows,
                 const LowRows& low) noexcept;
// The same of BF16 rows, which lie as LowRows do, for a reader without input factors: in BF16 they are what they shall be, and nothing is copied.
LowRows lower_bf16_rows(const Compute& compute, const Linear& reader, std::uint16_t* x, std::size_t rows, const LowRows& low) noexcept;
// Bytes of one row of `size` values in LowRows::data; 0 for fp32.
std::size_t low_row_bytes(Precision precision, std::size_t size) noexcept;

// Whether a model's attention products run in BF16: in low precision, where the instruction set has them.
inline bool uses_bf16_attention(const Compute& compute, Precision precision) noexcept {
  return precision != Precision::fp32 && compute.low.attention_bf16 != nullptr;
}

// Whether activations between a layer's products are kept in BF16: in low precision, where the instruction set has BF16 products.
inline bool keeps_bf16_rows(const Compute& compute, Precision precision) noexcept { return precision != Precision::fp32 && compute.low.gemm_bf16 != nullptr; }

// The kernel of a norm.
inline auto norm_kernel(const Compute& compute, const Norm& norm) noexcept {
  return norm.kind == NormKind::rms ? compute.kernels.rms_norm : compute.kernels.layer_norm;
}

// out = norm(x) for [rows, size], dense; and low = out as `reader` reads it, while it is at hand. Null: nothing reads it so.
void run_norm(const Compute& compute, const Norm& norm, float epsilon, const float* x, float* out, std::size_t rows, std::size_t size, const Linear* reader,
              const LowRows& low) noexcept;

// Calls body(first, count, slot) over [0, rows) in stretches that take `cost` operations a row: few enough to be worth a thread's attention.
template <class Body>
void for_row_blocks(const base::ThreadPool& pool, std::size_t rows, std::size_t cost, Body&& body) noexcept {
  // Element operations: some 10 microseconds, against 2 to 5 for a parallel region, and less in a team.
  const std::size_t worth_a_task = pool.is_team() ? 4 * 1024 : 64 * 1024;
  const std::size_t by_cost = rows * cost / worth_a_task;
  const std::size_t most = static_cast<std::size_t>(pool.threads()) * 8;
  const std::size_t tasks = by_cost < 1 ? 1 : by_cost < most ? by_cost : most;
  const std::size_t blocks = tasks < rows ? tasks : rows;
  pool.parallel_for(blocks, [&](std::size_t i, std::size_t slot) noexcept {
    const std::size_t first = rows * i / blocks;
    body(first, rows * (i + 1) / blocks - first, slot);
  });
}

}  // namespace berth::engine
