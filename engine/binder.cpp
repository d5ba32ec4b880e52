#include "engine/binder.hpp"

#include <algorithm>
#include <atomic>
#include <optional>

#include "base/error.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::DType;

constexpr std::size_t kChunkRows = 16;  // rows converted and packed at a time: a cache line of every packed vector

std::optional<kernels::TableType> float_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return kernels::TableType::f32;
    case DType::f16: return kernels::TableType::f16;
    case DType::bf16: return kernels::TableType::bf16;
    default: return std::nullopt;
  }
}

}  // namespace

const loaders::TensorView* Binder::find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape) {
  const std::string& first = names.front();
  for (const std::string& name : names) {
    const loaders::TensorView* tensor = tensors_.find(name);
    if (tensor == nullptr) continue;
    if (tensor->shape != shape) {
      problems_.add("tensor \"" + name + "\" has shape " + loaders::shape_text(tensor->shape) + ", expected " + loaders::shape_text(shape));
      return nullptr;
    }
    if (!float_type(tensor->dtype)) {
      problems_.add("tensor \"" + name + "\" has type " + tensor->dtype_name + ", expected F32, F16 or BF16");
      stored_as_integers_ = true;
      return nullptr;
    }
    parameters_ += static_cast<std::size_t>(tensor->elements());
    return tensor;
  }
  problems_.add("tensor \"" + first + "\" " + loaders::shape_text(shape) + " is missing");
  return nullptr;
}

void Binder::allocate_matrices() {
  for (MatrixJob& job : matrices_) {
    Linear& linear = *job.to;
    linear.in = job.in;
    linear.out = job.out * job.weights.size();
    const bool widened = job.precision == Precision::bf16 && low_.gemm_bf16 == nullptr;
    linear.precision = widened ? Precision::fp32 : job.precision;
    switch (linear.precision) {
      case Precision::fp32: linear.f32 = kernels::PackedF32(linear.out, linear.in, kernels_); break;
      case Precision::bf16: linear.bf16 = kernels::PackedBf16(linear.out, linear.in); break;
      case Precision::int8: linear.s8 = kernels::PackedS8(linear.out, linear.in); break;
    }
    bytes_ += linear.weight_bytes();
    for (std::size_t part = 0; part < job.weights.size(); ++part)
      add_chunks({.tensor = job.weights[part], .first_row = 0, .rows = job.out, .columns = job.in, .linear = &linear, .round_to_bf16 = widened,
                  .first_output = part * job.out});
    if (job.biases.empty()) continue;
    linear.bias = Vector(linear.out);
    for (std::size_t part = 0; part < job.biases.size(); ++part) copy_vector(linear.bias, part * job.out, *job.biases[part]);
    bytes_ += linear.out * sizeof(float);
  }
}

void Binder::copy_vector(Vector& to, std::size_t offset, const loaders::TensorView& tensor) {
  const auto size = static_cast<std::size_t>(tensor.elements());
  kernels_.load_row(to.data() + offset, tensor.data.data(), *float_type(tensor.dtype), size);
  if (!kernels_.all_finite(to.data() + offset, size))
    throw Error(ErrorCode::non_finite, tensor.file + ": tensor \"" + tensor.name + "\" has NaN or infinite values");
}

void Binder::add_chunks(Chunk whole) {
  for (std::size_t row = 0; row < whole.rows; row += kChunkRows) {
    Chunk chunk = whole;
    chunk.first_row = row;
    chunk.rows = std::min(kChunkRows, whole.rows - row);
    chunk.first_output += row;
    chunks_.push_back(chunk);
  }
}

// `rows` is [chunk.rows, columns]; `low` has room for as many 16-bit values.
void Binder::pack(const Chunk& chunk, float* rows, std::int8_t* low) const noexcept {
  Linear& linear = *chunk.linear;
  auto* rounded = reinterpret_cast<std::uint16_t*>(low);
  const std::size_t count = chunk.rows * chunk.columns;
  if (chunk.round_to_bf16) {
    kernels_.round_rows(rows, count, 1, count, rounded, count);
    kernels_.load_row(rows, rounded, kernels::TableType::bf16, count);
  }
  if (linear.precision == Precision::fp32) {
    linear.f32.set_rows(chunk.first_output, chunk.rows, rows);
    return;
  }
  for (std::size_t i = 0; i < chunk.rows; ++i) {
    const float* row = rows + i * chunk.columns;
    if (linear.precision == Precision::int8) {
      const float scale = kernels::quantize_weights(row, chunk.columns, low);
      linear.s8.set_row(chunk.first_output + i, low, scale);
    } else {
      kernels_.round_rows(row, chunk.columns, 1, chunk.columns, rounded, chunk.columns);
      linear.bf16.set_row(chunk.first_output + i, rounded);
    }
  }
}

void Binder::run_chunks() {
  std::size_t widest = 0;
  for (const Chunk& chunk : chunks_) widest = std::max(widest, chunk.columns);
  const auto threads = static_cast<std::size_t>(pool_.threads());
  const std::size_t chunk_size = kChunkRows * (widest + 64);  // round_rows pads to whole vectors
  base::AlignedBuffer<float> scratch(threads * chunk_size);
  base::AlignedBuffer<std::int8_t> low_scratch(threads * chunk_size * 2);
  std::atomic<const loaders::TensorView*> bad{nullptr};
  constexpr std::size_t kChunksPerTask = 16;
  pool_.parallel_for((chunks_.size() + kChunksPerTask - 1) / kChunksPerTask, [&](std::size_t task, std::size_t slot) noexcept {
    float* rows = scratch.data() + slot * chunk_size;
    for (std::size_t i = task * kChunksPerTask; i < std::min(chunks_.size(), (task + 1) * kChunksPerTask); ++i) {
      const Chunk& chunk = chunks_[i];
      const kernels::TableType type = *float_type(chunk.tensor->dtype);
      const std::size_t row_bytes = chunk.columns * (type == kernels::TableType::f32 ? 4 : 2);
      // Rows follow one another without gaps, so the chunk converts as one long row.
      kernels_.load_row(rows, chunk.tensor->data.data() + chunk.first_row * row_bytes, type, chunk.rows * chunk.columns);
      if (!kernels_.all_finite(rows, chunk.rows * chunk.columns)) {
        bad.store(chunk.tensor, std::memory_order_relaxed);
      } else if (chunk.linear != nullptr) {
        pack(chunk, rows, low_scratch.data() + slot * chunk_size * 2);
      }
    }
  });
  if (const loaders::TensorView* tensor = bad.load())
    throw Error(ErrorCode::non_finite, tensor->file + ": tensor \"" + tensor->name + "\" has NaN or infinite values");
}

void Binder::convolution(Linear& to, const std::string& name, std::size_t size, std::size_t width, std::size_t groups) {
  convolutions_.push_back({&to, find({name + ".weight"}, {size, size / groups, width}), size, width, groups});
  vectors_.push_back({&to.bias, find({name + ".bias"}, {size})});
}

void Binder::pack_convolution(const ConvolutionJob& job) {
  Linear& linear = *job.to;
  linear.in = job.width * job.size;
  linear.out = job.size;
  linear.f32 = kernels::PackedF32(linear.out, linear.in, kernels_);
  bytes_ += linear.weight_bytes();
  Vector stored(static_cast<std::size_t>(job.weight->elements()));
  copy_vector(stored, 0, *job.weight);
  const std::size_t group_size = job.size / job.groups;
  std::vector<float> row(linear.in);
  for (std::size_t out = 0; out < job.size; ++out) {
    std::fill(row.begin(), row.end(), 0.0F);  // channels of other groups
    const float* from = stored.data() + out * group_size * job.width;
    for (std::size_t c = 0; c < group_size; ++c)
      for (std::size_t j = 0; j < job.width; ++j) row[j * job.size + out / group_size * group_size + c] = from[c * job.width + j];
    linear.f32.set_rows(out, 1, row.data());
  }
}

std::pair<std::size_t, std::size_t> Binder::finish(const std::string& what) {
  problems_.throw_if_any(stored_as_integers_ ? ErrorCode::unsupported : ErrorCode::corrupt_file, what);
  allocate_matrices();
  for (const VectorJob& job : vectors_) {
    *job.to = Vector(static_cast<std::size_t>(job.tensor->elements()));
    copy_vector(*job.to, 0, *job.tensor);
    bytes_ += job.to->size() * sizeof(float);
  }
  for (const ConvolutionJob& job : convolutions_) pack_convolution(job);
  for (const TableJob& job : tables_) {
    const kernels::TableType type = *float_type(job.tensor->dtype);
    const auto rows = static_cast<std::size_t>(job.tensor->shape[0]);
    *job.to = {job.tensor->data.data(), type, rows, job.columns * (type == kernels::TableType::f32 ? 4 : 2)};
    bytes_ += job.tensor->data.size();
    add_chunks({.tensor = job.tensor, .first_row = 0, .rows = rows, .columns = job.columns, .linear = nullptr, .round_to_bf16 = false, .first_output = 0});
  }
  run_chunks();
  for (const MatrixJob& job : matrices_)
    for (const loaders::TensorView* tensor : job.weights) tensors_.release(*tensor);
  for (const TableJob& job : tables_) tensors_.release(*job.tensor);  // only rows that texts touch come back
  return {parameters_, bytes_};
}

}  // namespace berth::engine
