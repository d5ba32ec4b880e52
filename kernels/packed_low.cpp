#include "kernels/packed_low.hpp"

#include <algorithm>
#include <cmath>

namespace berth::kernels {

namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

template <class T>
base::AlignedBuffer<T> zeros(std::size_t size) {
  base::AlignedBuffer<T> buffer(size);
  std::fill_n(buffer.data(), size, T{});
  return buffer;
}

// One output's weights, a group (32 bits) at a time: group g of output j of a panel is at [g, j, ...].
template <class T>
void scatter_row(T* data, std::size_t row, std::size_t k, std::size_t k_padded, const T* weights) noexcept {
  constexpr std::size_t kGroup = 4 / sizeof(T);
  T* panel = data + row / kLowPanelWidth * kLowPanelWidth * k_padded + row % kLowPanelWidth * kGroup;
  for (std::size_t i = 0; i < k; ++i) panel[i / kGroup * kGroup * kLowPanelWidth + i % kGroup] = weights[i];
}

}  // namespace

float quantize_weights(const float* x, std::size_t size, std::int8_t* q) noexcept {
  float largest = 0.0F;
  for (std::size_t i = 0; i < size; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  for (std::size_t i = 0; i < size; ++i) {
    const long rounded = std::lrint(x[i] * inverse);  // largest may be so small that the quotient rounds up beyond 127
    q[i] = static_cast<std::int8_t>(std::clamp(rounded, -127L, 127L));
  }
  return largest / 127.0F;
}

PackedS8::PackedS8(std::size_t n, std::size_t k)
    : data_(zeros<std::int8_t>(round_up(n, kLowPanelWidth) * round_up(k, kLowRowBytes))),
      scales_(zeros<float>(round_up(n, kLowPanelWidth))),
      column_sums_(zeros<std::int32_t>(round_up(n, kLowPanelWidth))),
      n_(n),
      k_(k),
      k_padded_(round_up(k, kLowRowBytes)) {}

void PackedS8::set_row(std::size_t row, const std::int8_t* weights, float scale) noexcept {
  scatter_row(data_.data(), row, k_, k_padded_, weights);
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < k_; ++i) sum += weights[i];
  column_sums_[row] = sum;
  scales_[row] = scale;
}

PackedBf16::PackedBf16(std::size_t n, std::size_t k)
    : data_(zeros<std::uint16_t>(round_up(n, kLowPanelWidth) * round_up(k, kLowRowBytes / 2))), n_(n), k_(k), k_padded_(round_up(k, kLowRowBytes / 2)) {}

void PackedBf16::set_row(std::size_t row, const std::uint16_t* weights) noexcept { scatter_row(data_.data(), row, k_, k_padded_, weights); }

}  // namespace berth::kernels
