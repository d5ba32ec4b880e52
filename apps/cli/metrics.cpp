#include "apps/cli/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace berth::cli {
namespace {

// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + end + 1) / 2;
    begin = end;
  }
  return result;
}

// [rows, size] as unit vectors, transposed: [size, rows]. Products of one vector with all of them then run along memory.
std::vector<float> unit_columns(std::span<const float> rows, std::size_t size) {
  const std::size_t count = rows.size() / size;
  std::vector<float> columns(rows.size());
  for (std::size_t row = 0; row < count; ++row) {
    const auto values = rows.subspan(row * size, size);
    const double norm = std::sqrt(dot(values, values));
    for (std::size_t i = 0; i < size; ++i) columns[i * count + row] = norm > 0.0 ? static_cast<float>(static_cast<double>(values[i]) / norm) : 0.0F;
  }
  return columns;
}

}  // namespace

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

double pearson(std::span<const double> a, std::span<const double> b) {
  if (a.empty()) return 0.0;
  const auto count = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / count;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / count;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

double spearman(std::span<const double> a, std::span<const double> b) { return pearson(ranks(a), ranks(b)); }

void F1::add(std::size_t label, bool found, bool wanted) {
  counts_[label].both += found && wanted ? 1 : 0;
  counts_[label].either += (found ? 1U : 0U) + (wanted ? 1U : 0U);
}

double F1::micro() const {
  Counts all;
  for (const Counts& each : counts_) {
    all.both += each.both;
    all.either += each.either;
  }
  return all.f1();
}

double F1::macro() const {
  double sum = 0.0;
  for (const Counts& each : counts_) sum += each.f1();
  return counts_.empty() ? 0.0 : sum / static_cast<double>(counts_.size());
}

std::vector<std::size_t> nearest(std::span<const float> rows, std::span<const float> candidates, std::size_t size, bool others) {
  const std::vector<float> columns = unit_columns(candidates, size);
  const std::size_t count = candidates.size() / size;
  std::vector<std::size_t> result(rows.size() / size);
  std::vector<float> cosines(count);
  for (std::size_t row = 0; row < result.size(); ++row) {
    std::fill(cosines.begin(), cosines.end(), 0.0F);
    for (std::size_t i = 0; i < size; ++i) {
      const float value = rows[row * size + i];
      const float* along = columns.data() + i * count;
      for (std::size_t j = 0; j < count; ++j) cosines[j] += value * along[j];
    }
    if (others) cosines[row] = -std::numeric_limits<float>::infinity();
    result[row] = static_cast<std::size_t>(std::max_element(cosines.begin(), cosines.end()) - cosines.begin());
  }
  return result;
}

}  // namespace berth::cli
