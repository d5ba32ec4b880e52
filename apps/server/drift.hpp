// How labels, scores and lengths are distributed, and how far that is from a stored baseline: what shows that inputs are no longer those a model was chosen for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "apps/server/job.hpp"

namespace berth::server {

struct Distribution {
  static constexpr std::size_t kScores = 10;    // of the best label: [0, 0.1), …, [0.9, 1]
  static constexpr std::size_t kLengths = 16;   // tokens: up to 1, 2, 4, …
  std::map<std::string, std::uint64_t> labels;  // that were the best one
  std::array<std::uint64_t, kScores> scores{};
  std::array<std::uint64_t, kLengths> lengths{};
  double score_sum = 0, length_sum = 0;
  std::map<std::pair<std::string, bool>, std::uint64_t> decisions;  // of a profile: by what decided, and whether the model took part
};

class Drift {
 public:
  // `path`: a file that baseline() gave; empty: none. std::runtime_error naming the file and the field.
  explicit Drift(const std::string& path);

  void observe(const Job& job);
  void render(std::string& out) const;  // for Prometheus
  std::string baseline() const;         // what was seen so far, to be stored

 private:
  mutable std::mutex mutex_;
  void observe(Distribution& seen, const Job& job, const Item& item);

  std::map<std::string, Distribution> seen_;  // by model
  std::map<std::string, Distribution> stored_;
};

// The population stability index of two lists of counts: 0 for equal shares; above 0.25 is commonly taken for another population. Each count is half more
// than it is, so that what was never seen has a share, too.
double stability_index(const std::vector<std::uint64_t>& counts, const std::vector<std::uint64_t>& baseline);

}  // namespace berth::server
