// A product under test: its inputs, the packed weights, and the two things it must equal.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/packed_matrix.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {

// Row-major a [rows, k], b [n, k], bias [n] and residual [rows, n].
struct Product {
  std::size_t rows, n, k;
  std::vector<float> a, b, bias, residual;

  Product(std::size_t rows_, std::size_t n_, std::size_t k_, Random& random)
      : rows(rows_), n(n_), k(k_), a(random.normals(rows * k)), b(random.normals(n * k)), bias(random.normals(n)), residual(random.normals(rows * n)) {}

  // What kernel_table.hpp promises, to the bit: one chain of multiply-adds over k, ascending, from the bias.
  float chain(std::size_t i, std::size_t j, bool with_bias, bool fused) const {
    float sum = with_bias ? bias[j] : 0.0F;
    for (std::size_t l = 0; l < k; ++l) {
      const float x = a[i * k + l];
      const float y = b[j * k + l];
      sum = fused ? std::fma(x, y, sum) : sum + x * y;
    }
    return sum;
  }
  // The sum in double, and the sum of absolute values that its error is measured by.
  struct Exact {
    double value;
    double magnitude;
  };
  Exact exact(std::size_t i, std::size_t j, bool with_bias) const {
    Exact sum{with_bias ? double{bias[j]} : 0.0, with_bias ? std::fabs(double{bias[j]}) : 0.0};
    for (std::size_t l = 0; l < k; ++l) {
      const double product = double{a[i * k + l]} * double{b[j * k + l]};
      sum.value += product;
      sum.magnitude += std::fabs(product);
    }
    return sum;
  }
  PackedF32 pack(const KernelTable& kernels) const {
    PackedF32 packed(n, k, kernels);
    packed.set_rows(0, n, b.data());
    return packed;
  }
};

// Sizes of n around everything that the kernels treat apart: vectors, panels, pairs of panels.
inline std::vector<std::size_t> interesting_widths(const KernelTable& kernels) {
  std::vector<std::size_t> widths;
  const std::size_t most = 3 * kernels.panel_width + kernels.lanes + 1;
  for (std::size_t n = 1; n <= most; ++n)
    if (n <= kernels.lanes + 1 || (n + 1) % kernels.lanes <= 2) widths.push_back(n);
  return widths;
}

}  // namespace berth::kernels
