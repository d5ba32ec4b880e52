// What of a process a fork() copies badly. Only the thread that forks lives on in the child: a lock that another thread held would stay locked for
// good, and worker threads would be waited for that are not there.
#pragma once

#include <mutex>

namespace berth::base {

// How many forks lie between this process and the one that loaded the library. Whoever owns threads compares it with what it was when it started
// them. Cheap (no system call); counts fork() alone: a child of vfork() or clone() must call exec, as its manual says.
unsigned fork_count() noexcept;

// A mutex for state that lives longer than a call. fork() waits until nobody holds it, so a child finds the state whole and the mutex free. While
// holding one, a thread may neither lock nor make nor destroy another.
class ForkMutex {
 public:
  ForkMutex();
  ~ForkMutex();
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHandlers;
  std::mutex mutex_;
  ForkMutex* next_ = nullptr;  // of all there are
  ForkMutex* previous_ = nullptr;
};

}  // namespace berth::base
