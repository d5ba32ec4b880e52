// Tasks of a product: its outputs, cut into stretches of rows and panels for the threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "engine/compute.hpp"
#include "engine/thread_shares.hpp"

namespace berth::engine {

// Rows a task takes at most: its part of x (576 KB at 1024 inputs) stays in L2 beside the panel that passes over it.
inline constexpr std::size_t kProductBlockRows = 144;
// Of a batch that takes several blocks anyway: so that at 3072 inputs the block and the panel share L2 (3% of BERT-base at 8 x 128).
inline constexpr std::size_t kProductBlockBytes = 1'200'000;

// How the outputs of a product are divided: `panels` of `panel_width` outputs each, tiles of `tile_rows` rows and `tile_panels` panels.
struct ProductShape {
  std::size_t rows;
  std::size_t row_bytes;  // of the input
  std::size_t panels;
  std::size_t panel_work;  // multiply-adds of one row and one panel
  std::size_t panel_bytes;
  std::size_t tile_rows;
  std::size_t tile_panels;
  std::size_t task_work;
  std::size_t block_rows = 0;  // that a task takes at most; 0: as many as stay in L2
  std::size_t tasks_of_a_thread = 8;
};

struct ProductGrid {
  std::size_t row_blocks;
  std::size_t panels_per_task;
  std::size_t panel_groups;

  std::size_t tasks() const noexcept { return row_blocks * panel_groups; }
};

inline ProductGrid cut(const ProductShape& shape, std::size_t threads) {
  ProductGrid grid{};
  const std::size_t cached_rows = shape.rows <= kProductBlockRows ? kProductBlockRows : std::min(kProductBlockRows, kProductBlockBytes / shape.row_bytes + 1);
  const std::size_t most = shape.block_rows > 0 ? shape.block_rows : cached_rows;
  grid.row_blocks = divide_up(shape.rows, most);
  const std::size_t block_rows = divide_up(shape.rows, grid.row_blocks);
  const std::size_t wanted = std::max<std::size_t>(1, shape.task_work / std::max<std::size_t>(1, shape.panel_work * block_rows));
  // Enough tasks that every thread has several, unless that makes them too small.
  const std::size_t fair = threads == 1 ? shape.panels : std::max<std::size_t>(1, shape.panels * grid.row_blocks / (threads * shape.tasks_of_a_thread));
  const std::size_t per_task = std::min(shape.panels, std::max(wanted, fair));
  grid.panel_groups = divide_up(shape.panels, per_task);
  grid.panels_per_task = divide_up(divide_up(shape.panels, grid.panel_groups), shape.tile_panels) * shape.tile_panels;  // even, and whole tiles
  grid.panel_groups = divide_up(shape.panels, grid.panels_per_task);
  return grid;
}

// Rows [first, first + rows) and panels [panel, end) of a product.
struct ProductTask {
  std::size_t first;
  std::size_t rows;
  std::size_t panel;
  std::size_t end;
  std::size_t slot;  // of the thread that runs it
  // Where the share of the thread that is likely to run it begins and ends, the whole being 1, and whether it is that thread's last.
  double share_begin;
  double share_end;
  bool last;
};

// As Task's, where shares are equal.
inline double share_end(std::size_t thread, std::size_t threads) { return static_cast<double>(thread) / static_cast<double>(threads); }

// Calls body with task `index` of the grid. Blocks of rows end where tiles end.
template <class Body>
void run_of_grid(const ProductShape& shape, const ProductGrid& grid, std::size_t index, std::size_t threads, std::size_t slot, Body&& body) noexcept {
  const std::size_t tiles = divide_up(shape.rows, shape.tile_rows);
  const std::size_t block = index / grid.panel_groups;
  const std::size_t group = index % grid.panel_groups;
  const std::size_t first = std::min(shape.rows, tiles * block / grid.row_blocks * shape.tile_rows);
  const std::size_t last = std::min(shape.rows, tiles * (block + 1) / grid.row_blocks * shape.tile_rows);
  if (first == last) return;
  const std::size_t panel = group * grid.panels_per_task;
  const std::size_t thread = index * threads / grid.tasks();
  body(ProductTask{.first = first,
                   .rows = last - first,
                   .panel = panel,
                   .end = std::min(shape.panels, panel + grid.panels_per_task),
                   .slot = slot,
                   .share_begin = share_end(thread, threads),
                   .share_end = share_end(thread + 1, threads),
                   .last = (index + 1) * threads / grid.tasks() != thread});
}

// And with a team's member's share of all panels.
template <class Body>
void run_share(ThreadShares& shares, const ProductShape& shape, std::size_t member, std::size_t slot, Body&& body) noexcept {
  const ThreadShares::Piece part = shares.part(member, divide_up(shape.panels, shape.tile_panels));
  if (part.count == 0) return;
  const auto started = std::chrono::steady_clock::now();
  const std::size_t panel = part.first * shape.tile_panels;
  const std::size_t end = std::min(shape.panels, panel + part.count * shape.tile_panels);
  body(ProductTask{.first = 0,
                   .rows = shape.rows,
                   .panel = panel,
                   .end = end,
                   .slot = slot,
                   .share_begin = shares.begin(member),
                   .share_end = shares.begin(member + 1),
                   .last = true});
  shares.note(member, (end - panel) * shape.panel_work * shape.rows, std::chrono::steady_clock::now() - started);
}

// Calls body(task) for every task.
template <class Body>
void for_tasks(const Compute& compute, ProductShape shape, Body&& body) noexcept {
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  const bool team = compute.pool.is_team();
  if (team) {
    shape.task_work /= 16;
    shape.tasks_of_a_thread = 1;
  }
  const ProductGrid grid = cut(shape, threads);
  if (team && grid.row_blocks == 1 && grid.tasks() >= threads) {
    compute.pool.parallel_for(threads, [&](std::size_t member, std::size_t slot) noexcept { run_share(*compute.shares, shape, member, slot, body); });
    return;
  }
  compute.pool.parallel_for(grid.tasks(), [&](std::size_t task, std::size_t slot) noexcept { run_of_grid(shape, grid, task, threads, slot, body); });
}

}  // namespace berth::engine
