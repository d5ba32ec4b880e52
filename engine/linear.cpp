#include "engine/linear.hpp"

#include <algorithm>
#include <chrono>

namespace berth::engine {

namespace {

// Rows a task takes at most: its part of x (576 KB at 1024 inputs) stays in L2 beside the panel that passes over it.
constexpr std::size_t kBlockRows = 144;
// Of a product in low precision, whose rows take a quarter or half of that.
constexpr std::size_t kLowBlockRows = 192;
// Of a batch that takes several blocks anyway: so that at 3072 inputs the block and the panel share L2 (3% of BERT-base at 8 x 128).
constexpr std::size_t kBlockBytes = 1'200'000;
// Multiply-adds that make a task: some 20 microseconds on one AVX-512 core in FP32, which low precision does several times as fast.
constexpr std::size_t kTaskWork = 2'000'000;
constexpr std::size_t kLowTaskWork = 8'000'000;

// How the outputs of a product are divided: `panels` of `panel_width` outputs each, tiles of `tile_rows` rows and `tile_panels` panels.
struct Shape {
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

struct Grid {
  std::size_t row_blocks;
  std::size_t panels_per_task;
  std::size_t panel_groups;
};

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

Grid cut(const Shape& shape, std::size_t threads) {
  Grid grid{};
  const std::size_t cached_rows = shape.rows <= kBlockRows ? kBlockRows : std::min(kBlockRows, kBlockBytes / shape.row_bytes + 1);
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
struct Task {
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
double share_end(std::size_t thread, std::size_t threads) { return static_cast<double>(thread) / static_cast<double>(threads); }

// Calls body(task) for every task. Blocks of rows end where tiles end.
template <class Body>
void for_tasks(const Compute& compute, Shape shape, Body&& body) noexcept {
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  const bool team = compute.pool.is_team();
  if (team) {
    shape.task_work /= 16;
    shape.tasks_of_a_thread = 1;
  }
  const Grid grid = cut(shape, threads);
  const std::size_t tiles = divide_up(shape.rows, shape.tile_rows);
  const std::size_t count = grid.row_blocks * grid.panel_groups;
  if (team && grid.row_blocks == 1 && count >= threads) {
    compute.pool.parallel_for(threads, [&](std::size_t member, std::size_t slot) noexcept {
      ThreadShares& shares = *compute.shares;
      const ThreadShares::Piece part = shares.part(member, divide_up(shape.panels, shape.tile_panels));
      if (part.count == 0) return;
      const auto started = std::chrono::steady_clock::now();
      const std::size_t panel = part.first * shape.tile_panels;
      const std::size_t end = std::min(shape.panels, panel + part.count * shape.tile_panels);
      body(Task{.first = 0,
                .rows = shape.rows,
                .panel = panel,
                .end = end,
                .slot = slot,
                .share_begin = shares.begin(member),
                .share_end = shares.begin(member + 1),
                .last = true});
      shares.note(member, (end - panel) * shape.panel_work * shape.rows, std::chrono::steady_clock::now() - started);
    });
    return;
  }
  compute.pool.parallel_for(count, [&](std::size_t task, std::size_t slot) noexcept {
    const std::size_t block = task / grid.panel_groups;
    const std::size_t group = task % grid.panel_groups;
    const std::size_t first = std::min(shape.rows, tiles * block / grid.row_blocks * shape.tile_rows);
    const std::size_t last = std::min(shape.rows, tiles * (block + 1) / grid.row_blocks * shape.tile_rows);
    if (first == last) return;
    const std::size_t panel = group * grid.panels_per_task;
    const std::size_t thread = task * threads / count;
    body(Task{.first = first,
              .rows = last - first,
              .panel = panel,
              .end = std::min(shape.panels, panel + grid.panels_per_task),
              .slot = slot,
              .share_begin = share_end(thread, threads),
              .share_end = share_end(thread + 1, threads),
              .last = (task + 1) * threads / count != thread});
  });
}

// What the arguments of all products have in common.
template <class Gemm>
void set_common(Gemm& gemm, const Linear& layer, const LinearArgs& args, const Task& task) {
  gemm.panel_begin = task.panel;
  gemm.panel_end = task.end;
  gemm.bias = layer.bias.size() == 0 ? nullptr : layer.bias.data();
  gemm.residual = args.residual == nullptr ? nullptr : args.residual + task.first * layer.out;
  gemm.ldr = layer.out;
  gemm.ldc = layer.out;
  if constexpr (requires { gemm.c_is_bf16; }) {
    gemm.c_is_bf16 = args.y_bf16 != nullptr;
    if (gemm.c_is_bf16) gemm.ldc = low_row_bytes(Precision::bf16, layer.out) / sizeof(std::uint16_t);
    gemm.c = gemm.c_is_bf16 ? static_cast<void*>(args.y_bf16 + task.first * gemm.ldc) : args.y + task.first * gemm.ldc;
  } else {
    gemm.c = args.y + task.first * gemm.ldc;
  }
  gemm.rows = task.rows;
  gemm.activation = args.activation;
}

const void* packed_data(const Linear& layer) noexcept {
  switch (layer.precision) {
    case Precision::fp32: return layer.f32.view().data;
    case Precision::bf16: return layer.bf16.view().data;
    case Precision::int8: return layer.s8.view().data;
  }
  return nullptr;
}

// Which weights this task's thread is likely to want next: those of its next task or, behind its last, its share of the next product.
template <class Gemm>
void fetch_next(Gemm& gemm, const Linear& layer, const LinearArgs& args, const Task& task, const Shape& shape) noexcept {
  if (!task.last) {
    if (task.end == shape.panels) return;  // another block of rows
    gemm.next = reinterpret_cast<const std::byte*>(gemm.b.data) + task.end * shape.panel_bytes;
    gemm.next_bytes = std::min(shape.panels - task.end, task.end - task.panel) * shape.panel_bytes;
  } else if (args.next != nullptr && args.next->precision == layer.precision) {
    const auto bytes = static_cast<double>(args.next->weight_bytes());
    const auto begin = static_cast<std::size_t>(bytes * task.share_begin);
    gemm.next = static_cast<const std::byte*>(packed_data(*args.next)) + begin;
    gemm.next_bytes = static_cast<std::size_t>(bytes * task.share_end) - begin;
  }
}

// Of a product by tiles: every task splits its rows' inputs anew, which for many rows costs as much as a few panels.
constexpr std::size_t kTileBlockRows = 160;
constexpr std::size_t kFewRows = 32;

void run_f32(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  const bool tiles = args.low.tiles != nullptr;
  const Shape shape{.rows = args.rows,
                    .row_bytes = layer.in * sizeof(float),
                    .panels = layer.f32.panels(),
                    .panel_work = layer.in * compute.kernels.panel_width,
                    .panel_bytes = layer.in * compute.kernels.panel_width * sizeof(float),
                    .tile_rows = tiles ? 2 * kernels::kLowRows : compute.kernels.tile_rows,
                    .tile_panels = 1,
                    .task_work = kTaskWork,
                    .block_rows = tiles ? kTileBlockRows : 0,
                    .tasks_of_a_thread = tiles && args.rows > kFewRows ? 1U : 8U};
  for_tasks(compute, shape, [&](const Task& task) noexcept {
    kernels::GemmF32Args gemm;
    set_common(gemm, layer, args, task);
    gemm.lda = args.x_stride == 0 ? layer.in : args.x_stride;
    gemm.a = args.x + task.first * gemm.lda;
    gemm.b = layer.f32.view();
    gemm.reads_ahead = compute.low.reads_ahead;
    fetch_next(gemm, layer, args, task, shape);
    gemm.scratch = tiles ? args.low.tiles + task.slot * args.low.tiles_stride : nullptr;
    (tiles ? compute.low.gemm_f32 : compute.kernels.gemm_f32)(gemm);
  });
}

template <class Gemm, class Packed, class Kernel>
void run_low(const Compute& compute, const Linear& layer, const LinearArgs& args, const Packed& packed, Kernel kernel) noexcept {
  const Shape shape{.rows = args.rows,
                    .row_bytes = low_row_bytes(layer.precision, layer.in),
                    .panels = kernels::panel_count(layer.out, kernels::kLowPanelWidth),
                    .panel_work = layer.in * kernels::kLowPanelWidth,
                    .panel_bytes = packed.view().k_padded * kernels::kLowPanelWidth * sizeof(*packed.view().data),
                    .tile_rows = compute.low.tile_rows,
                    .tile_panels = compute.low.tile_panels,
                    .task_work = kLowTaskWork,
                    .block_rows = kLowBlockRows};
  for_tasks(compute, shape, [&](const Task& task) noexcept {
    Gemm gemm;
    set_common(gemm, layer, args, task);
    gemm.b = packed.view();
    gemm.lda = low_row_bytes(layer.precision, layer.in) / sizeof(*gemm.a);
    gemm.a = reinterpret_cast<decltype(gemm.a)>(args.low.data) + task.first * gemm.lda;
    if constexpr (requires { gemm.a_scales; }) gemm.a_scales = args.low.scales + task.first;
    fetch_next(gemm, layer, args, task, shape);
    kernel(gemm);
  });
}

}  // namespace

void run_linear(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  if (args.rows == 0) return;
  switch (layer.precision) {
    case Precision::fp32: run_f32(compute, layer, args); return;
    case Precision::bf16: run_low<kernels::GemmBf16Args>(compute, layer, args, layer.bf16, compute.low.gemm_bf16); return;
    case Precision::int8: run_low<kernels::GemmS8Args>(compute, layer, args, layer.s8, compute.low.gemm_s8); return;
  }
}

std::size_t low_row_bytes(Precision precision, std::size_t size) noexcept {
  if (precision == Precision::fp32) return 0;
  // An odd number of cache lines: tiles are 16 rows, which would else crowd into few sets of the cache (5 to 10% of a product on AMX).
  return (divide_up(size * (precision == Precision::bf16 ? 2 : 1), kernels::kLowRowBytes) | 1) * kernels::kLowRowBytes;
}

void lower_block(const Compute& compute, const Linear& reader, const float* x, std::size_t stride, std::size_t first, std::size_t rows,
                 const LowRows& low) noexcept {
  const std::size_t bytes = low_row_bytes(reader.precision, reader.in);
  std::byte* to = low.data + first * bytes;
  if (reader.precision == Precision::int8)
    compute.kernels.quantize_rows(x, stride, rows, reader.in, reader.input_factors.data(), reinterpret_cast<std::int8_t*>(to), bytes, low.scales + first);
  if (reader.precision == Precision::bf16) compute.kernels.round_rows(x, stride, rows, reader.in, reinterpret_cast<std::uint16_t*>(to), bytes / 2);
}

void lower_rows(const Compute& compute, const Linear& reader, const float* x, std::size_t rows, const LowRows& low) noexcept {
  if (reader.precision == Precision::fp32) return;
  for_row_blocks(compute.pool, rows, reader.in, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    lower_block(compute, reader, x + first * reader.in, reader.in, first, count, low);
  });
}

LowRows lower_bf16_rows(const Compute& compute, const Linear& reader, std::uint16_t* x, std::size_t rows, const LowRows& low) noexcept {
  if (reader.precision != Precision::int8) return {.data = reinterpret_cast<std::byte*>(x)};
  const std::size_t size = reader.in;
  const std::size_t stride = low_row_bytes(Precision::bf16, size) / sizeof(*x);
  const std::size_t bytes = low_row_bytes(Precision::int8, size);
  for_row_blocks(compute.pool, rows, size / 2, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    compute.kernels.quantize_bf16_rows(x + first * stride, stride, count, size, reinterpret_cast<std::int8_t*>(low.data + first * bytes), bytes,
                                       low.scales + first);
  });
  return low;
}

void run_norm(const Compute& compute, const Norm& norm, float epsilon, const float* x, float* out, std::size_t rows, std::size_t size, const Linear* reader,
              const LowRows& low) noexcept {
  const auto kernel = norm_kernel(compute, norm);
  for_row_blocks(compute.pool, rows, size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    constexpr std::size_t kRowsInCache = 8;  // what the norm wrote is lowered while it is in L1
    for (std::size_t row = first; row < first + count; row += kRowsInCache) {
      const std::size_t rows_now = std::min(kRowsInCache, first + count - row);
      kernels::NormArgs args;
      args.x = x + row * size;
      args.out = out + row * size;
      args.stride = size;
      args.weight = norm.weight.data();
      args.bias = norm.bias.data();
      args.rows = rows_now;
      args.size = size;
      args.epsilon = epsilon;
      kernel(args);
      if (reader != nullptr) lower_block(compute, *reader, args.out, size, row, rows_now, low);
    }
  });
}

}  // namespace berth::engine
