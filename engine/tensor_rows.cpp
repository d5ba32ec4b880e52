#include "engine/tensor_rows.hpp"

#include <cstring>
#include <vector>

#include "base/error.hpp"

namespace berth::engine {

namespace {

// Rows [first, first + rows) of a matrix with strides, one after another. Innermost it goes along the rows: where they are not what lies together, in a
// matrix stored by columns, those of a chunk are. Some columns at a time, in a block of their own: rows of thousands of values are so far apart that
// their lines would crowd into one set of the cache.
template <class Value>
void gather(const loaders::TensorView& tensor, std::size_t first, std::size_t rows, std::size_t columns, Value* to) noexcept {
  const auto row_step = static_cast<std::size_t>(tensor.strides[0]) * sizeof(Value);
  const auto column_step = static_cast<std::size_t>(tensor.strides[1]) * sizeof(Value);
  constexpr std::size_t kColumns = 64 / sizeof(Value);
  Value block[TensorRows::kChunkRows][kColumns];
  for (std::size_t begin = 0; begin < columns; begin += kColumns) {
    const std::size_t count = std::min(kColumns, columns - begin);
    for (std::size_t c = 0; c < count; ++c) {
      const std::byte* from = tensor.data.data() + first * row_step + (begin + c) * column_step;
      for (std::size_t r = 0; r < rows; ++r, from += row_step) std::memcpy(&block[r][c], from, sizeof(Value));
    }
    for (std::size_t r = 0; r < rows; ++r) std::memcpy(to + r * columns + begin, block[r], count * sizeof(Value));
  }
}

}  // namespace

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

LowRankRows::LowRankRows(const Compute& compute, const loaders::LowRank& added)
    : rank_(static_cast<std::size_t>(added.a.shape[0])),
      columns_(static_cast<std::size_t>(added.a.shape[1])),
      b_(static_cast<std::size_t>(added.b.elements())),
      a_(static_cast<std::size_t>(added.a.elements())) {
  const TensorRows reader(compute);
  reader.copy(added.b, b_.data());
  reader.copy(added.a, a_.data());
  compute.kernels.scale(b_.data(), added.scale, b_.size());
}

void LowRankRows::add(const kernels::KernelTable& kernels, std::size_t first, std::size_t count, float* rows) const noexcept {
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t k = 0; k < rank_; ++k) kernels.add_scaled(rows + r * columns_, a_.data() + k * columns_, b_[(first + r) * rank_ + k], columns_);
}

std::vector<std::optional<LowRankRows>> TensorRows::low_rank_rows(std::span<const loaders::TensorView* const> tensors) const {
  std::vector<std::optional<LowRankRows>> added(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i]->added != nullptr) added[i].emplace(compute_, *tensors[i]->added);
  return added;
}

bool TensorRows::read(const RowChunk& chunk, const std::optional<LowRankRows>& added, std::size_t columns, float* rows, std::uint16_t* scratch) const noexcept {
  load(chunk, columns, rows, scratch);
  if (added) added->add(compute_.kernels, chunk.first, chunk.rows, rows);
  return compute_.kernels.all_finite(rows, chunk.rows * columns);
}

void TensorRows::load(const RowChunk& chunk, std::size_t columns, float* rows, std::uint16_t* scratch) const noexcept {
  const kernels::TableType type = *float_type(chunk.tensor->dtype);
  const std::size_t count = chunk.rows * columns;
  if (!chunk.tensor->strides.empty()) {
    if (type == kernels::TableType::f32) {
      gather(*chunk.tensor, chunk.first, chunk.rows, columns, rows);
    } else {
      gather(*chunk.tensor, chunk.first, chunk.rows, columns, scratch);
      compute_.kernels.load_row(rows, reinterpret_cast<const std::byte*>(scratch), type, count);
    }
    return;
  }
  // Rows follow one another without gaps, so the chunk converts as one long row.
  compute_.kernels.load_row(rows, chunk.tensor->data.data() + chunk.first * columns * value_bytes(type), type, count);
}

void TensorRows::copy(const loaders::TensorView& tensor, float* to) const {
  const auto size = static_cast<std::size_t>(tensor.elements());
  const kernels::TableType type = *float_type(tensor.dtype);
  if (tensor.strides.empty()) {
    compute_.kernels.load_row(to, tensor.data.data(), type, size);
  } else {
    std::vector<std::uint64_t> index(tensor.shape.size());
    for (std::size_t i = 0; i < size; ++i) {
      std::size_t at = 0;
      for (std::size_t d = 0; d < index.size(); ++d) at += static_cast<std::size_t>(index[d] * tensor.strides[d]);
      compute_.kernels.load_row(to + i, tensor.data.data() + at * value_bytes(type), type, 1);
      for (std::size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
    }
  }
  if (tensor.added != nullptr) LowRankRows(compute_, *tensor.added).add(compute_.kernels, 0, static_cast<std::size_t>(tensor.shape[0]), to);
  if (!compute_.kernels.all_finite(to, size)) throw_non_finite(tensor);
}

}  // namespace berth::engine
