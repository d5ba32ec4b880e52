// A progress line on standard error, for a person who waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace berth::cli {

class Progress {
 public:
  // Shows something only when `wanted` and standard error is a terminal, and only once the work has taken a second.
  Progress(bool wanted, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` lines so far; `position` of `total` bytes of the input, total 0 when unknown.
  void update(std::uint64_t done, std::uint64_t position, std::uint64_t total);
  void clear();  // before anything else is written to standard error

 private:
  using Clock = std::chrono::steady_clock;
  bool active_ = false;
  bool drawn_ = false;
  std::string unit_;
  Clock::time_point start_;
  Clock::time_point last_;
};

}  // namespace berth::cli
