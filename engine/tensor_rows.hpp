// Rows of stored matrices in FP32, a few at a time on the pool's threads: what packing and looking through weights have in common.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "engine/compute.hpp"
#include "loaders/tensors.hpp"

namespace berth::engine {

// The kernels' name for a stored type; nullopt for one that is no float.
std::optional<kernels::TableType> float_type(loaders::DType dtype);
// Bytes of one value.
constexpr std::size_t value_bytes(kernels::TableType type) { return type == kernels::TableType::f32 ? 4 : 2; }

// Some rows of one tensor, which are rows [output, output + rows) of the matrix that the tensors make together.
struct RowChunk {
  const loaders::TensorView* tensor;
  std::size_t first;
  std::size_t rows;
  std::size_t output;
};

// What an adapter adds to a matrix, in FP32.
class LowRankRows {
 public:
  // base::Error{non_finite}, std::bad_alloc.
  LowRankRows(const Compute& compute, const loaders::LowRank& added);

  // rows [count, columns] += those of the sum from `first` on. Each row's order of sums is its own.
  void add(const kernels::KernelTable& kernels, std::size_t first, std::size_t count, float* rows) const noexcept;
  std::size_t bytes() const noexcept { return (b_.size() + a_.size()) * sizeof(float); }

 private:
  std::size_t rank_;
  std::size_t columns_;
  base::AlignedBuffer<float> b_;  // [rows, rank], times the scale
  base::AlignedBuffer<float> a_;  // [rank, columns]
};

class TensorRows {
 public:
  static constexpr std::size_t kChunkRows = 16;  // a cache line of every packed vector

  explicit TensorRows(const Compute& compute) : compute_(compute) {}

  const Compute& compute() const noexcept { return compute_; }

  // Calls body(chunk, its rows in FP32 [chunk.rows, columns], scratch for as many 16-bit values, slot) for rows [first, first + count) of every tensor, all of
  // which have `columns` columns. base::Error{non_finite} naming a tensor with NaN or infinity; std::bad_alloc.
  template <class Body>
  void for_each(std::span<const loaders::TensorView* const> tensors, std::size_t first, std::size_t count, std::size_t columns, Body&& body) {
    reserve(columns);
    const std::vector<std::optional<LowRankRows>> added = low_rank_rows(tensors);
    const std::size_t chunks = (count + kChunkRows - 1) / kChunkRows;  // of each tensor
    constexpr std::size_t kChunksPerTask = 4;
    std::atomic<const loaders::TensorView*> bad{nullptr};
    const std::size_t all = chunks * tensors.size();
    compute_.pool.parallel_for((all + kChunksPerTask - 1) / kChunksPerTask, [&](std::size_t task, std::size_t slot) noexcept {
      for (std::size_t i = task * kChunksPerTask; i < std::min(all, (task + 1) * kChunksPerTask); ++i) {
        const std::size_t row = i % chunks * kChunkRows;
        const RowChunk chunk{
            .tensor = tensors[i / chunks], .first = first + row, .rows = std::min(kChunkRows, count - row), .output = i / chunks * count + row};
        float* rows = rows_.data() + slot * slot_size_;
        std::uint16_t* low = low_.data() + slot * slot_size_;
        if (read(chunk, added[i / chunks], columns, rows, low)) {
          body(chunk, rows, low, slot);
        } else {
          bad.store(chunk.tensor, std::memory_order_relaxed);
        }
      }
    });
    if (const loaders::TensorView* tensor = bad.load()) throw_non_finite(*tensor);
  }

  // All values of a small tensor, or of any that can be held in FP32 as a whole.
  void copy(const loaders::TensorView& tensor, float* to) const;

 private:
  [[noreturn]] static void throw_non_finite(const loaders::TensorView& tensor);
  void reserve(std::size_t columns);
  std::vector<std::optional<LowRankRows>> low_rank_rows(std::span<const loaders::TensorView* const> tensors) const;
  // Whether all is finite. `scratch` is for as many 16-bit values.
  bool read(const RowChunk& chunk, const std::optional<LowRankRows>& added, std::size_t columns, float* rows, std::uint16_t* scratch) const noexcept;
  void load(const RowChunk& chunk, std::size_t columns, float* rows, std::uint16_t* scratch) const noexcept;

  const Compute compute_;
  std::size_t slot_size_ = 0;  // values of each slot's scratch
  base::AlignedBuffer<float> rows_;
  base::AlignedBuffer<std::uint16_t> low_;
};

}  // namespace berth::engine
