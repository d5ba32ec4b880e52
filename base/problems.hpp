// Several things wrong with one file, told in one error.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace berth::base {

class Problems {
 public:
  static constexpr std::size_t kShown = 20;

  void add(std::string problem) {
    if (count_++ < kShown) shown_.push_back(std::move(problem));
  }
  bool empty() const noexcept { return count_ == 0; }

  // `label: problem` for a single one; for more, `label: 3 problems` and one indented line each, of which the first kShown are written out.
  void throw_if_any(ErrorCode code, const std::string& label) const {
    if (count_ == 0) return;
    if (count_ == 1) throw Error(code, label + ": " + shown_[0]);
    std::string message = label + ": " + std::to_string(count_) + " problems";
    for (const std::string& problem : shown_) message += "\n  " + problem;
    if (count_ > kShown) message += "\n  and " + std::to_string(count_ - kShown) + " more";
    throw Error(code, std::move(message));
  }

 private:
  std::vector<std::string> shown_;
  std::size_t count_ = 0;
};

}  // namespace berth::base
