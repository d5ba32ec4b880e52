// The examples of a profile as vectors, and how alike texts are to them: one product of matrices for a batch, exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "engine/model.hpp"
#include "engine/profile/profile.hpp"

namespace berth::engine {

// What of a row is kept for every label.
struct LabelScores {
  float* scores = nullptr;           // [rows, labels]: the label's combination of cosines; NaN for a label without examples
  std::uint32_t* nearest = nullptr;  // [rows, labels]: which of the label's examples is nearest
  float* similarity = nullptr;       // [rows, labels]: its cosine
};

class Exemplars {
 public:
  // Takes vectors from the file `cache` as far as it has them, computes the others and puts all into it; an empty path means no file.
  // base::Error as Model::encode throws it.
  Exemplars(const Model& model, const ProfileSpec& profile, const RunOptions& options, const std::filesystem::path& cache,
            const std::filesystem::path& directory);
  // Of vectors that are there already: [examples of all labels, dimensions], of length 1.
  Exemplars(const ProfileSpec& profile, std::span<const float> vectors, std::size_t dimensions, const Compute& compute);

  // `vectors`: [rows, dimensions], of length 1. Safe to call from many threads.
  void score(const Compute& compute, const float* vectors, std::size_t rows, const LabelScores& out) const;

  std::size_t cached() const noexcept { return cached_; }  // of the examples, how many were in the file
  std::size_t dimensions() const noexcept { return matrix_.in; }

 private:
  struct LabelRows {
    std::size_t first = 0, count = 0;  // rows of the matrix
    std::size_t centroid = 0;          // row, where that is the combination
    Combine combine{};
    std::size_t k = 0;
  };
  void build(const ProfileSpec& profile, std::span<const float> vectors, std::size_t dimensions, const Compute& compute);
  void score_row(const float* similarities, const LabelScores& out, std::size_t row) const noexcept;

  Linear matrix_;  // [examples label by label, then centroids; dimensions]
  std::vector<LabelRows> labels_;
  std::size_t cached_ = 0;
};

}  // namespace berth::engine
