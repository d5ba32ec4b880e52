// Low-precision weight matrices in the layout of PackedS8View and PackedBf16View. Packing is apart from quantising: weights may also arrive quantised.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.hpp"
#include "base/parallel.hpp"
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

  // For sets that say so (LowKernelTable::bounded_pairs), once all rows are set: stores groups of four k in an order, see S8Order, in which no two neighbours
  // (the first at an even place) of any of a panel's outputs add up to more than kPairBound or less than its negative. Where no order does, what
  // is beyond goes to a list; where that would be longer than a quarter of the matrix, as for weights that are all large, nothing is done.
  // Does nothing the second time; no row may be set afterwards. Throws std::bad_alloc.
  void bound_pairs(const base::ThreadPool& pool);

  PackedS8View view() const noexcept {
    return {
        data_.data(), scales_.data(), column_sums_.data(), n_, k_, k_padded_, {places_.data(), excess_first_.data(), excess_groups_.data(), excess_.data()}};
  }
  std::size_t n() const noexcept { return n_; }
  std::size_t k() const noexcept { return k_; }
  std::size_t bytes() const noexcept {
    return data_.size() + scales_.size() * (sizeof(float) + sizeof(std::int32_t)) + places_.size() * sizeof(std::uint16_t) +
           (excess_first_.size() + excess_groups_.size()) * sizeof(std::uint32_t) + excess_.size();
  }

 private:
  base::AlignedBuffer<std::int8_t> data_;
  base::AlignedBuffer<float> scales_;
  base::AlignedBuffer<std::int32_t> column_sums_;
  base::AlignedBuffer<std::uint16_t> places_;  // this and what follows: see S8BoundedView
  base::AlignedBuffer<std::uint32_t> excess_first_;
  base::AlignedBuffer<std::uint32_t> excess_groups_;
  base::AlignedBuffer<std::int8_t> excess_;
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
