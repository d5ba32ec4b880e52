// SIGINT and SIGTERM as a wish to stop at the next good place.
#pragma once

namespace berth::cli {

// While it lives, the first of these signals is only noted; the second one ends the process as it always does.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

int interrupted() noexcept;  // the signal's number; 0: none came

}  // namespace berth::cli
