#include "apps/cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "apps/cli/people.hpp"

namespace berth::cli {
namespace {

constexpr int kBarCells = 24;

void put(const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());  // decoration: a failure does not matter
}

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  const std::string rest = std::to_string(whole % 60);
  return std::to_string(whole / 60) + ":" + (rest.size() < 2 ? "0" : "") + rest;
}

}  // namespace

Progress::Progress(bool wanted, std::string unit)
    : active_(wanted && ::isatty(STDERR_FILENO) == 1), unit_(std::move(unit)), start_(Clock::now()), last_(start_) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) put("\r\033[K");
  drawn_ = false;
}

void Progress::update(std::uint64_t done, std::uint64_t position, std::uint64_t total) {
  using namespace std::chrono_literals;
  const auto now = Clock::now();
  if (!active_ || now - start_ < 1s || now - last_ < 100ms) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line = "\r";
  if (total > 0) {
    const double fraction = std::min(1.0, static_cast<double>(position) / static_cast<double>(total));
    const int filled = static_cast<int>(fraction * kBarCells);
    line += "[" + std::string(static_cast<std::size_t>(filled), '=') + std::string(static_cast<std::size_t>(kBarCells - filled), ' ') + "] " +
            fixed(100 * fraction, 0) + "%  ";
    if (fraction > 0) line += minutes(seconds / fraction - seconds) + " left  ";
  }
  line += grouped(static_cast<double>(done)) + " " + unit_ + ", " + grouped(static_cast<double>(done) / seconds) + "/s\033[K";
  put(line);
  drawn_ = true;
}

}  // namespace berth::cli
