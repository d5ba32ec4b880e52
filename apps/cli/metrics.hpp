// Scores of models, and distances of their results.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "apps/common/scores.hpp"

namespace berth::cli {

using apps::cosine;
using apps::dot;
// The largest |a - b|; of one size.
double largest_difference(std::span<const float> a, std::span<const float> b);

// Correlations of two lists of one size; 0 when either side is constant. Spearman's: equal values share the mean of their ranks.
double pearson(std::span<const double> a, std::span<const double> b);
double spearman(std::span<const double> a, std::span<const double> b);

// F1 of decisions of several labels, counted label by label.
class F1 {
 public:
  explicit F1(std::size_t labels) : counts_(labels) {}
  void add(std::size_t label, bool found, bool wanted);
  double micro() const;  // over all decisions together
  double macro() const;  // the mean over labels; 0 for a label that was neither found nor wanted

 private:
  struct Counts {
    std::size_t both = 0, either = 0;  // `either` counts found and wanted, twice where both
    double f1() const { return either == 0 ? 0.0 : 2.0 * static_cast<double>(both) / static_cast<double>(either); }
  };
  std::vector<Counts> counts_;
};

// For every row of [rows, size] the candidate of [candidates, size] with the largest cosine, the first among equals. With `others` the rows are
// the candidates, and no row is its own.
std::vector<std::size_t> nearest(std::span<const float> rows, std::span<const float> candidates, std::size_t size, bool others);

}  // namespace berth::cli
