#include "kernels/packed_low.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

namespace berth::kernels {

namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

template <class T>
base::AlignedBuffer<T> zeros(std::size_t size) {
  base::AlignedBuffer<T> buffer(size, base::Lifetime::long_lived);
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

namespace {

constexpr std::size_t kGroup = 4;
constexpr std::size_t kGroupBytes = kLowPanelWidth * kGroup;

// Of |one + sign * other|. Words throughout, so that the compiler may take vectors of them.
template <std::int16_t sign>
std::int16_t largest(const std::int16_t* one, const std::int16_t* other) noexcept {
  std::int16_t most = 0;
  for (std::size_t j = 0; j < kLowPanelWidth; ++j) {
    const auto sum = static_cast<std::int16_t>(one[j] + sign * other[j]);
    most = std::max({most, sum, static_cast<std::int16_t>(-sum)});
  }
  return most;
}

// The first order in which a panel's group is within the bound, or kS8OrderCount.
std::size_t bounded_order(const std::int8_t* group) noexcept {
  std::int16_t k[kGroup][kLowPanelWidth];
  for (std::size_t j = 0; j < kLowPanelWidth; ++j)
    for (std::size_t i = 0; i < kGroup; ++i) k[i][j] = group[j * kGroup + i];
  for (std::size_t i = 0; i < kS8OrderCount; ++i) {
    const S8Order& order = kS8Orders[i];
    const auto most = order.negates ? &largest<-1> : &largest<1>;
    if (std::max(most(k[order.k[0]], k[order.k[1]]), most(k[order.k[2]], k[order.k[3]])) <= kPairBound) return i;
  }
  return kS8OrderCount;
}

// Stores an output's four weights in an order and returns how much that changes their sum. Of a pair beyond the bound the larger gives what is beyond to
// `excess`.
std::int32_t store_in_order(const S8Order& order, std::int8_t* four, std::int8_t* excess) noexcept {
  int now[kGroup];
  std::int32_t change = 0;
  for (std::size_t i = 0; i < kGroup; ++i) {
    now[i] = order.negates && i % 2 == 1 ? -four[order.k[i]] : four[order.k[i]];
    change += now[i] - four[order.k[i]];
  }
  for (std::size_t pair = 0; pair < kGroup; pair += 2) {
    const int sum = now[pair] + now[pair + 1];
    const int beyond = sum - std::clamp(sum, -kPairBound, kPairBound);
    if (beyond == 0) continue;
    const std::size_t larger = std::abs(now[pair]) >= std::abs(now[pair + 1]) ? pair : pair + 1;
    now[larger] -= beyond;
    excess[order.k[larger]] = static_cast<std::int8_t>(beyond);
  }
  for (std::size_t i = 0; i < kGroup; ++i) four[i] = static_cast<std::int8_t>(now[i]);
  return change;
}

}  // namespace

void PackedS8::bound_pairs(const base::ThreadPool& pool) {
  if (places_.size() > 0) return;
  const std::size_t panels = scales_.size() / kLowPanelWidth;
  const std::size_t groups = k_padded_ / kGroup;
  base::AlignedBuffer<std::uint16_t> places(panels * groups);
  base::AlignedBuffer<std::uint32_t> first(panels + 1);
  const auto group_at = [&](std::size_t panel, std::size_t group) { return data_.data() + (panel * groups + group) * kGroupBytes; };
  pool.parallel_for(panels, [&](std::size_t panel, std::size_t) noexcept {
    std::uint32_t beyond = 0;
    for (std::size_t group = 0; group < groups; ++group) {
      const std::size_t order = bounded_order(group_at(panel, group));
      beyond += order == kS8OrderCount ? 1 : 0;
      places[panel * groups + group] = static_cast<std::uint16_t>(order * kS8Stretch + group * kGroup % kS8Stretch);
    }
    first[panel + 1] = beyond;
  });
  first[0] = 0;
  std::partial_sum(first.data(), first.data() + panels + 1, first.data());
  const std::size_t beyond = first[panels];
  if (beyond > panels * groups / 4) return;
  excess_groups_ = base::AlignedBuffer<std::uint32_t>(beyond);
  excess_ = zeros<std::int8_t>(beyond * kGroupBytes);
  pool.parallel_for(panels, [&](std::size_t panel, std::size_t) noexcept {
    std::size_t next = first[panel];
    for (std::size_t group = 0; group < groups; ++group) {
      std::uint16_t& place = places[panel * groups + group];
      const std::size_t order = place / kS8Stretch;
      if (order == 0) continue;
      std::int8_t* excess = nullptr;
      if (order == kS8OrderCount) {
        place %= kS8Stretch;
        excess = excess_.data() + next * kGroupBytes;
        excess_groups_[next++] = static_cast<std::uint32_t>(group);
      }
      for (std::size_t j = 0; j < kLowPanelWidth; ++j)
        column_sums_[panel * kLowPanelWidth + j] +=
            store_in_order(kS8Orders[order % kS8OrderCount], group_at(panel, group) + j * kGroup, excess == nullptr ? nullptr : excess + j * kGroup);
    }
  });
  places_ = std::move(places);
  excess_first_ = std::move(first);
}

PackedBf16::PackedBf16(std::size_t n, std::size_t k)
    : data_(zeros<std::uint16_t>(round_up(n, kLowPanelWidth) * round_up(k, kLowRowBytes / 2))), n_(n), k_(k), k_padded_(round_up(k, kLowRowBytes / 2)) {}

void PackedBf16::set_row(std::size_t row, const std::uint16_t* weights) noexcept { scatter_row(data_.data(), row, k_, k_padded_, weights); }

}  // namespace berth::kernels
