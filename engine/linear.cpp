#include "engine/linear.hpp"

#include <algorithm>

namespace berth::engine {

namespace {

// Rows a task takes at most: its part of x (576 KB at 1024 inputs) stays in L2 beside the panel that passes over it.
constexpr std::size_t kBlockRows = 144;
// Multiply-adds that make a task: some 20 microseconds on one AVX-512 core.
constexpr std::size_t kTaskWork = 2'000'000;

struct Grid {
  std::size_t row_blocks;
  std::size_t panels_per_task;
  std::size_t panel_groups;
};

Grid cut(std::size_t rows, std::size_t panels, std::size_t panel_work, std::size_t threads) {
  Grid grid{};
  grid.row_blocks = (rows + kBlockRows - 1) / kBlockRows;
  const std::size_t block_rows = (rows + grid.row_blocks - 1) / grid.row_blocks;
  const std::size_t wanted = std::max<std::size_t>(1, kTaskWork / std::max<std::size_t>(1, panel_work * block_rows));
  // Enough tasks that every thread has several, unless that makes them too small.
  const std::size_t fair = std::max<std::size_t>(1, panels * grid.row_blocks / (threads * 4));
  grid.panels_per_task = std::min(panels, std::max(wanted, threads == 1 ? panels : fair));
  grid.panel_groups = (panels + grid.panels_per_task - 1) / grid.panels_per_task;
  grid.panels_per_task = (panels + grid.panel_groups - 1) / grid.panel_groups;  // even
  grid.panel_groups = (panels + grid.panels_per_task - 1) / grid.panels_per_task;
  return grid;
}

}  // namespace

void run_linear(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  if (args.rows == 0) return;
  const std::size_t tile = compute.kernels.tile_rows;
  const std::size_t panels = layer.weight.panels();
  const Grid grid = cut(args.rows, panels, layer.in() * compute.kernels.panel_width, static_cast<std::size_t>(compute.pool.threads()));
  // Blocks end where tiles end.
  const std::size_t tiles = (args.rows + tile - 1) / tile;
  compute.pool.parallel_for(grid.row_blocks * grid.panel_groups, [&](std::size_t task, std::size_t) noexcept {
    const std::size_t block = task / grid.panel_groups;
    const std::size_t group = task % grid.panel_groups;
    const std::size_t first = std::min(args.rows, tiles * block / grid.row_blocks * tile);
    const std::size_t last = std::min(args.rows, tiles * (block + 1) / grid.row_blocks * tile);
    kernels::GemmF32Args gemm;
    gemm.a = args.x + first * args.ldx;
    gemm.lda = args.ldx;
    gemm.b = layer.weight.view();
    gemm.panel_begin = group * grid.panels_per_task;
    gemm.panel_end = std::min(panels, gemm.panel_begin + grid.panels_per_task);
    gemm.bias = layer.bias.size() == 0 ? nullptr : layer.bias.data();
    gemm.residual = args.residual == nullptr ? nullptr : args.residual + first * layer.out();
    gemm.ldr = layer.out();
    gemm.c = args.y + first * layer.out();
    gemm.ldc = layer.out();
    gemm.rows = last - first;
    gemm.activation = args.activation;
    compute.kernels.gemm_f32(gemm);
  });
}

void run_layer_norm(const Compute& compute, const Norm& norm, float epsilon, const float* x, float* out, std::size_t rows, std::size_t size) noexcept {
  for_row_blocks(compute.pool, rows, size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    kernels::LayerNormArgs args;
    args.x = x + first * size;
    args.out = out + first * size;
    args.stride = size;
    args.weight = norm.weight.data();
    args.bias = norm.bias.data();
    args.rows = count;
    args.size = size;
    args.epsilon = epsilon;
    compute.kernels.layer_norm(args);
  });
}

}  // namespace berth::engine
