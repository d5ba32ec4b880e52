// Measures the elementary functions against double precision over ranges of floats, through the kernels that use them.
#pragma once

#include <algorithm>
#include <cmath>
#include <iostream>
#include <span>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {

// The worst that was seen, and where. `excess` is the error as a multiple of its bound: above 1 a stated bound is wrong.
struct Worst {
  double excess = 0.0, error = 0.0;
  float at = 0.0F;
  void update(double error_seen, double bound, float x) {
    const double ratio = bound > 0.0 ? error_seen / bound : error_seen > 0.0 ? HUGE_VAL : 0.0;
    if (!(ratio <= excess)) *this = {ratio, error_seen, x};  // NaN counts
  }
};

inline void expect_within(const Worst& worst, const std::string& what) {
  EXPECT_LE(worst.excess, 1.0) << what << ": error " << worst.error << " at " << worst.at;
  std::cout << "  " << what << ": worst error " << worst.error << " at " << worst.at << ", " << worst.excess << " of its bound\n";
}

// Calls f(std::span<const float>) with the floats from `low` to `high`, both positive or both negative, every `step`-th, in blocks of whole vectors.
template <class F>
void for_floats(float low, float high, std::uint32_t step, F f) {
  constexpr std::size_t kBlock = 4096;
  std::vector<float> block;
  block.reserve(kBlock);
  const std::uint32_t first = std::min(bits_of(low), bits_of(high));
  const std::uint32_t last = std::max(bits_of(low), bits_of(high));
  for (std::uint64_t bits = first; bits <= last; bits += step) {
    block.push_back(float_of(static_cast<std::uint32_t>(bits)));
    if (block.size() < kBlock && bits + step <= last) continue;
    f(std::span<const float>(block));
    block.clear();
  }
}

// activate() of every table over the same floats, so that the exact value is computed once for all of them.
inline void sweep_activation(Activation activation, const std::vector<TableUnderTest>& tables, float low, float high, std::uint32_t step,
                             std::vector<Worst>& worst) {
  worst.resize(tables.size());
  std::vector<float> y;
  std::vector<double> exact;
  for_floats(low, high, step, [&](std::span<const float> x) {
    exact.clear();
    for (const float value : x) exact.push_back(exact_activation(activation, value));
    for (std::size_t t = 0; t < tables.size(); ++t) {
      y.assign(x.begin(), x.end());
      tables[t].kernels->activate(y.data(), y.size(), activation);
      for (std::size_t i = 0; i < x.size(); ++i) worst[t].update(std::fabs(double{y[i]} - exact[i]), activation_tolerance(activation, x[i]), x[i]);
    }
  });
}

// The relative error of exp for x in [-87, 0], as softmax shows it: the first element of a row [0, x...] is exactly the inverse i of the row's
// sum, the others are e^x i, rounded once more (half an epsilon).
inline constexpr double kExpBound = 1e-7;
inline void sweep_exp(const std::vector<TableUnderTest>& tables, float low, float high, std::uint32_t step, std::vector<Worst>& worst) {
  worst.resize(tables.size());
  std::vector<float> row;
  std::vector<double> exact;
  for_floats(low, high, step, [&](std::span<const float> x) {
    exact.clear();
    for (const float value : x) exact.push_back(std::exp(double{value}));
    for (std::size_t t = 0; t < tables.size(); ++t) {
      row.assign(1, 0.0F);
      row.insert(row.end(), x.begin(), x.end());
      tables[t].kernels->softmax(row.data(), 1, row.size());
      // Below -26, 4096 terms do not reach half an epsilon: the sum is 1, and nothing is rounded.
      const double bound = kExpBound + (row[0] == 1.0F ? 0.0 : 0.5 * kEpsilon);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double ratio = double{row[i + 1]} / double{row[0]};
        if (row[i + 1] < 1.2e-38F) continue;  // a denormal quotient has lost bits of its own
        worst[t].update(std::fabs(ratio - exact[i]) / exact[i], bound, x[i]);
      }
    }
  });
}

}  // namespace berth::kernels
