#include "engine/elementwise.hpp"

namespace berth::engine {

void run_gate(const Compute& compute, float* x, std::size_t rows, std::size_t size, bool second_half, kernels::Activation activation, const Linear& reader,
              const LowRows& low) noexcept {
  for_row_blocks(compute.pool, rows, 4 * size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    float* from = x + first * 2 * size;
    compute.kernels.gate({.x = from, .stride = 2 * size, .rows = count, .size = size, .second_half = second_half, .activation = activation});
    lower_block(compute, reader, from, 2 * size, first, count, low);
  });
}

void add_rows(const Compute& compute, float* to, const float* x, std::size_t count) noexcept {
  constexpr std::size_t kStretch = 4096;
  const std::size_t stretches = (count + kStretch - 1) / kStretch;
  for_row_blocks(compute.pool, stretches, kStretch, [&](std::size_t first, std::size_t number, std::size_t) noexcept {
    const std::size_t begin = first * kStretch;
    const std::size_t end = (first + number) * kStretch < count ? (first + number) * kStretch : count;
    compute.kernels.add_scaled(to + begin, x + begin, 1.0F, end - begin);
  });
}

}  // namespace berth::engine
