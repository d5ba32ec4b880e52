#include "engine/linear.hpp"

#include <algorithm>
#include <array>

#include "engine/linear_tasks.hpp"

namespace berth::engine {

namespace {

// Of a product in low precision, whose rows take a quarter or half of that.
constexpr std::size_t kLowBlockRows = 192;
// Multiply-adds that make a task: some 20 microseconds on one AVX-512 core in FP32, which low precision does several times as fast.
constexpr std::size_t kTaskWork = 2'000'000;
constexpr std::size_t kLowTaskWork = 8'000'000;

// What the arguments of all products have in common.
template <class Gemm>
void set_common(Gemm& gemm, const Linear& layer, const LinearArgs& args, const ProductTask& task) {
  gemm.panel_begin = task.panel;
  gemm.panel_end = task.end;
  gemm.bias = layer.bias.size() == 0 ? nullptr : layer.bias.data();
  gemm.residual = args.residual == nullptr ? nullptr : args.residual + task.first * layer.out;
  gemm.ldr = layer.out;
  gemm.ldc = layer.out;
  if constexpr (requires { gemm.c_is_bf16; }) {
    gemm.c_is_bf16 = args.y_bf16 != nullptr;
    if (gemm.c_is_bf16) gemm.ldc = low_row_bytes(Precision::bf16, layer.out) / sizeof(std::uint16_t);
    if (args.y_stride != 0) gemm.ldc = args.y_stride;
    gemm.c = gemm.c_is_bf16 ? static_cast<void*>(args.y_bf16 + task.first * gemm.ldc) : args.y + task.first * gemm.ldc;
  } else {
    if (args.y_stride != 0) gemm.ldc = args.y_stride;
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
void fetch_next(Gemm& gemm, const Linear& layer, const LinearArgs& args, const ProductTask& task, const ProductShape& shape) noexcept {
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

ProductShape f32_shape(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  const bool tiles = args.low.tiles != nullptr;
  return {.rows = args.rows,
          .row_bytes = layer.in * sizeof(float),
          .panels = layer.f32.panels(),
          .panel_work = layer.in * compute.kernels.panel_width,
          .panel_bytes = layer.in * compute.kernels.panel_width * sizeof(float),
          .tile_rows = tiles ? 2 * kernels::kLowRows : compute.kernels.tile_rows,
          .tile_panels = 1,
          .task_work = kTaskWork,
          .block_rows = tiles ? kTileBlockRows : 0,
          .tasks_of_a_thread = tiles && args.rows > kFewRows ? 1U : 8U};
}

void run_f32(const Compute& compute, const Linear& layer, const LinearArgs& args, const ProductShape& shape, const ProductTask& task) noexcept {
  const bool tiles = args.low.tiles != nullptr;
  kernels::GemmF32Args gemm;
  set_common(gemm, layer, args, task);
  gemm.lda = args.x_stride == 0 ? layer.in : args.x_stride;
  gemm.a = args.x + task.first * gemm.lda;
  gemm.b = layer.f32.view();
  gemm.reads_ahead = compute.low.reads_ahead;
  fetch_next(gemm, layer, args, task, shape);
  gemm.scratch = tiles ? args.low.tiles + task.slot * args.low.tiles_stride : nullptr;
  (tiles ? compute.low.gemm_f32 : compute.kernels.gemm_f32)(gemm);
}

template <class Packed>
ProductShape low_shape(const Compute& compute, const Linear& layer, const LinearArgs& args, const Packed& packed) noexcept {
  return {.rows = args.rows,
          .row_bytes = low_row_bytes(layer.precision, layer.in),
          .panels = kernels::panel_count(layer.out, kernels::kLowPanelWidth),
          .panel_work = layer.in * kernels::kLowPanelWidth,
          .panel_bytes = packed.view().k_padded * kernels::kLowPanelWidth * sizeof(*packed.view().data),
          .tile_rows = compute.low.tile_rows,
          .tile_panels = compute.low.tile_panels,
          .task_work = kLowTaskWork,
          .block_rows = kLowBlockRows};
}

template <class Gemm, class Packed, class Kernel>
void run_low(const Linear& layer, const LinearArgs& args, const ProductShape& shape, const ProductTask& task, const Packed& packed, Kernel kernel) noexcept {
  Gemm gemm;
  set_common(gemm, layer, args, task);
  gemm.b = packed.view();
  gemm.lda = low_row_bytes(layer.precision, layer.in) / sizeof(*gemm.a);
  gemm.a = reinterpret_cast<decltype(gemm.a)>(args.low.data) + task.first * gemm.lda;
  if constexpr (requires { gemm.a_scales; }) gemm.a_scales = args.low.scales + task.first;
  fetch_next(gemm, layer, args, task, shape);
  kernel(gemm);
}

ProductShape shape_of(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  switch (layer.precision) {
    case Precision::fp32: return f32_shape(compute, layer, args);
    case Precision::bf16: return low_shape(compute, layer, args, layer.bf16);
    case Precision::int8: return low_shape(compute, layer, args, layer.s8);
  }
  return {};
}

void run_task(const Compute& compute, const Linear& layer, const LinearArgs& args, const ProductShape& shape, const ProductTask& task) noexcept {
  switch (layer.precision) {
    case Precision::fp32: run_f32(compute, layer, args, shape, task); return;
    case Precision::bf16: run_low<kernels::GemmBf16Args>(layer, args, shape, task, layer.bf16, compute.low.gemm_bf16); return;
    case Precision::int8: run_low<kernels::GemmS8Args>(layer, args, shape, task, layer.s8, compute.low.gemm_s8); return;
  }
}

// Layer i of run_linears, with its rows.
LinearArgs args_of(std::span<const Linear> layers, std::span<const std::size_t> ends, const LinearArgs& all, std::size_t i) noexcept {
  const std::size_t first = i == 0 ? 0 : ends[i - 1];
  const Linear& layer = layers[i];
  LinearArgs args = all;
  args.rows = ends[i] - first;
  if (args.x != nullptr) args.x += first * (args.x_stride == 0 ? layer.in : args.x_stride);
  if (args.low.data != nullptr) args.low.data += first * low_row_bytes(layer.precision, layer.in);
  if (args.low.scales != nullptr) args.low.scales += first;
  if (args.y != nullptr) args.y += first * layer.out;
  if (args.y_bf16 != nullptr) args.y_bf16 += first * (low_row_bytes(Precision::bf16, layer.out) / sizeof(*args.y_bf16));
  for (std::size_t next = i + 1; next < layers.size(); ++next) {
    if (ends[next] == ends[i]) continue;
    args.next = &layers[next];
    break;
  }
  return args;
}

}  // namespace

void run_linear(const Compute& compute, const Linear& layer, const LinearArgs& args) noexcept {
  if (args.rows == 0) return;
  const ProductShape shape = shape_of(compute, layer, args);
  for_tasks(compute, shape, [&](const ProductTask& task) noexcept { run_task(compute, layer, args, shape, task); });
}

void run_linears(const Compute& compute, std::span<const Linear> layers, std::span<const std::size_t> ends, const LinearArgs& args) noexcept {
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  if (compute.pool.is_team()) {
    compute.pool.parallel_for(threads, [&](std::size_t member, std::size_t slot) noexcept {
      for (std::size_t i = 0; i < layers.size(); ++i) {
        const LinearArgs one = args_of(layers, ends, args, i);
        if (one.rows == 0) continue;
        const ProductShape shape = shape_of(compute, layers[i], one);
        run_share(*compute.shares, shape, member, slot, [&](const ProductTask& task) noexcept { run_task(compute, layers[i], one, shape, task); });
      }
    });
    return;
  }
  // Tasks of all layers, one layer after another: no thread waits at the end of each.
  std::array<std::size_t, kMostExperts> task_ends{};
  std::size_t count = 0;
  const auto shape_at = [&](std::size_t i) noexcept { return shape_of(compute, layers[i], args_of(layers, ends, args, i)); };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (ends[i] > (i == 0 ? 0 : ends[i - 1])) count += cut(shape_at(i), threads).tasks();
    task_ends[i] = count;
  }
  compute.pool.parallel_for(count, [&](std::size_t task, std::size_t slot) noexcept {
    std::size_t i = 0;
    while (task_ends[i] <= task) ++i;
    const LinearArgs one = args_of(layers, ends, args, i);
    const ProductShape shape = shape_of(compute, layers[i], one);
    const ProductGrid grid = cut(shape, threads);
    run_of_grid(shape, grid, task - (task_ends[i] - grid.tasks()), threads, slot,
                [&](const ProductTask& part) noexcept { run_task(compute, layers[i], one, shape, part); });
  });
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
