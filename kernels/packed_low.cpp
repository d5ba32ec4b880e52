#include "kernels/packed_low.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

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
  T* to = data + row / kLowPanelWidth * kLowPanelWidth * k_padded + row % kLowPanelWidth * kGroup;
  std::size_t i = 0;
  for (; i + kGroup <= k; i += kGroup, to += kGroup * kLowPanelWidth) std::memcpy(to, weights + i, sizeof(T) * kGroup);
  if (i < k) std::memcpy(to, weights + i, sizeof(T) * (k - i));
}

// The bits of |x|, which are ordered as finite numbers are. Integers, so that the compiler may take vectors of them.
std::int32_t magnitude_bits(float x) noexcept { return std::bit_cast<std::int32_t>(x) & 0x7fffffff; }

// x rounded to the nearest integer, ties to even, for |x| below 2^22: the last bit of a float between 2^23 and 2^24 counts ones.
std::int32_t round_to_int(float x) noexcept {
  constexpr float kOnes = 12582912.0F;  // 1.5 * 2^23
  return std::bit_cast<std::int32_t>(x + kOnes) - std::bit_cast<std::int32_t>(kOnes);
}

}  // namespace

float quantize_weights(const float* x, std::size_t size, std::int8_t* q) noexcept {
  std::int32_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits = std::max(bits, magnitude_bits(x[i]));
  const float largest = std::bit_cast<float>(bits);
  const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  for (std::size_t i = 0; i < size; ++i)  // largest may be so small that the quotient rounds up beyond 127
    q[i] = static_cast<std::int8_t>(std::clamp(round_to_int(x[i] * inverse), -127, 127));
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
