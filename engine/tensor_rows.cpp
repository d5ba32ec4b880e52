#include "engine/tensor_rows.hpp"

#include "base/error.hpp"

namespace berth::engine {

std::optional<kernels::TableType> float_type(loaders::DType dtype) {
  switch (dtype) {
    case loaders::DType::f32: return kernels::TableType::f32;
    case loaders::DType::f16: return kernels::TableType::f16;
    case loaders::DType::bf16: return kernels::TableType::bf16;
    default: return std::nullopt;
  }
}

void TensorRows::throw_non_finite(const loaders::TensorView& tensor) {
  throw base::Error(base::ErrorCode::non_finite, tensor.file + ": tensor \"" + tensor.name + "\" has NaN or infinite values");
}

void TensorRows::reserve(std::size_t columns) {
  const std::size_t size = kChunkRows * (columns + 64);  // rounding to BF16 pads to whole vectors
  if (size <= slot_size_) return;
  const auto slots = static_cast<std::size_t>(compute_.pool.threads());
  rows_ = base::AlignedBuffer<float>(slots * size);
  low_ = base::AlignedBuffer<std::uint16_t>(slots * size);
  slot_size_ = size;
}

bool TensorRows::read(const RowChunk& chunk, std::size_t columns, float* rows) const noexcept {
  const kernels::TableType type = *float_type(chunk.tensor->dtype);
  const std::size_t count = chunk.rows * columns;
  // Rows follow one another without gaps, so the chunk converts as one long row.
  compute_.kernels.load_row(rows, chunk.tensor->data.data() + chunk.first * columns * value_bytes(type), type, count);
  return compute_.kernels.all_finite(rows, count);
}

void TensorRows::copy(const loaders::TensorView& tensor, float* to) const {
  const auto size = static_cast<std::size_t>(tensor.elements());
  compute_.kernels.load_row(to, tensor.data.data(), *float_type(tensor.dtype), size);
  if (!compute_.kernels.all_finite(to, size)) throw_non_finite(tensor);
}

}  // namespace berth::engine
