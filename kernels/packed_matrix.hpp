// Weight matrices in the layout their kernels want. A packed matrix knows the panel width it was made for.
#pragma once

#include <cstddef>

#include "base/aligned_buffer.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

class PackedF32 {
 public:
  PackedF32() = default;
  // Room for a matrix [n, k]; fill it with set_rows. Throws std::bad_alloc.
  PackedF32(std::size_t n, std::size_t k, const KernelTable& kernels);

  // Rows [first, first + count) of the matrix; `rows` is [count, k], row-major. Different rows may be set from different threads.
  void set_rows(std::size_t first, std::size_t count, const float* rows) noexcept;

  PackedF32View view() const noexcept { return {data_.data(), n_, k_}; }
  std::size_t n() const noexcept { return n_; }
  std::size_t k() const noexcept { return k_; }
  std::size_t panels() const noexcept { return panel_count(n_, panel_width_); }
  std::size_t bytes() const noexcept { return data_.size() * sizeof(float); }

 private:
  base::AlignedBuffer<float> data_;
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  std::size_t panel_width_ = 1;
  std::size_t lanes_ = 1;
};

}  // namespace berth::kernels
