// Compares the speeds of several things on a machine that is not ours alone: they run in turn in slices of about a millisecond, so that a noisy
// neighbour slows all of them alike, and what counts is the median over many rounds of each round's ratio. Time is the thread's own, so that
// other processes on the same core do not count (their traces in the caches do).
#pragma once

#include <time.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace berth::bench {

struct Contender {
  std::function<void()> run;
  double work = 0.0;  // of one call, in any unit
};

inline double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// rates[contender][round], in work per second.
struct Rates {
  std::vector<std::vector<double>> rates;
  double rate(std::size_t contender) const { return median(rates[contender]); }
  double ratio(std::size_t of, std::size_t to) const {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < rates[of].size(); ++round) ratios.push_back(rates[of][round] / rates[to][round]);
    return median(ratios);
  }
};

inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inline double seconds_of(const Contender& contender, std::size_t calls) {
  const double begin = thread_seconds();
  for (std::size_t i = 0; i < calls; ++i) contender.run();
  return thread_seconds() - begin;
}

inline Rates interleave(const std::vector<Contender>& contenders, std::size_t rounds, double slice_seconds) {
  std::vector<std::size_t> calls;
  for (const Contender& contender : contenders) {
    seconds_of(contender, 2);
    double once = seconds_of(contender, 1);
    for (int i = 0; i < 4; ++i) once = std::min(once, seconds_of(contender, 1));
    calls.push_back(std::max<std::size_t>(1, static_cast<std::size_t>(slice_seconds / std::max(once, 1e-7))));
  }
  Rates result{std::vector<std::vector<double>>(contenders.size())};
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t at = round % 2 == 0 ? i : contenders.size() - 1 - i;
      // The contender before may have thrown its data out of the caches.
      if (calls[at] > 1) seconds_of(contenders[at], 1 + calls[at] / 8);
      result.rates[at].push_back(static_cast<double>(calls[at]) * contenders[at].work / seconds_of(contenders[at], calls[at]));
    }
  return result;
}

}  // namespace berth::bench
