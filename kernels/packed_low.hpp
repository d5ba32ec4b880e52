// Low-precision weight matrices in the layout of PackedS8View and PackedBf16View. Packing is apart from quantising: weights may also arrive quantised.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

// q[i] = round(x[i] / scale) with scale = max|x| / 127, the scale returned; a row of zeros has scale 0. x is finite.
float quantize_weights(const float* x, std::size_t size, std::int8_t* q) noexcept;

class PackedS8 {
 public:
  PackedS8() = default;
  // Room for a matrix [n, k], all zeros. Throws std::bad_alloc.
  PackedS8(std::size_t n, std::size_t k);

  // Output `row`: its k weights, in [-127, 127], and the scale that they are to be multiplied with. Different rows may be set from different threads.
  void set_row(std::size_t row, const std::int8_t* weights, float scale) noexcept;

  PackedS8View view() const noexcept { return {data_.data(), scales_.data(), column_sums_.data(), n_, k_, k_padded_}; }
  std::size_t n() const noexcept { return n_; }
  std::size_t k() const noexcept { return k_; }
  std::size_t bytes() const noexcept { return data_.size() + scales_.size() * (sizeof(float) + sizeof(std::int32_t)); }

 private:
  base::AlignedBuffer<std::int8_t> data_;
  base::AlignedBuffer<float> scales_;
  base::AlignedBuffer<std::int32_t> column_sums_;
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  std::size_t k_padded_ = 0;
};

class PackedBf16 {
 public:
  PackedBf16() = default;
  PackedBf16(std::size_t n, std::size_t k);

  void set_row(std::size_t row, const std::uint16_t* weights) noexcept;

  PackedBf16View view() const noexcept { return {data_.data(), n_, k_, k_padded_}; }
  std::size_t n() const noexcept { return n_; }
  std::size_t k() const noexcept { return k_; }
  std::size_t bytes() const noexcept { return data_.size() * sizeof(std::uint16_t); }

 private:
  base::AlignedBuffer<std::uint16_t> data_;
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  std::size_t k_padded_ = 0;
};

}  // namespace berth::kernels
