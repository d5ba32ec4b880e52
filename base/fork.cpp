#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace berth::base {

namespace {
std::atomic<unsigned> forks{0};
std::mutex all_mutex;  // guards the list; initialised before any constructor runs, as all three are
ForkMutex* all = nullptr;
bool handlers_set = false;  // also under all_mutex
}  // namespace

// Around every fork() of the process: all locks are taken before it and released on both sides of it.
struct ForkHandlers {
  static void before() {
    all_mutex.lock();
    for (ForkMutex* each = all; each != nullptr; each = each->next_) each->mutex_.lock();
  }
  static void after() {
    for (ForkMutex* each = all; each != nullptr; each = each->next_) each->mutex_.unlock();
    all_mutex.unlock();
  }
  static void after_in_child() {
    forks.fetch_add(1, std::memory_order_relaxed);
    after();
  }
};

unsigned fork_count() noexcept { return forks.load(std::memory_order_relaxed); }

ForkMutex::ForkMutex() {
  const std::lock_guard lock(all_mutex);
  // Should memory for it be lacking, the next one tries again.
  if (!handlers_set) handlers_set = pthread_atfork(ForkHandlers::before, ForkHandlers::after, ForkHandlers::after_in_child) == 0;
  next_ = all;
  if (all != nullptr) all->previous_ = this;
  all = this;
}

ForkMutex::~ForkMutex() {
  const std::lock_guard lock(all_mutex);
  if (next_ != nullptr) next_->previous_ = previous_;
  (previous_ != nullptr ? previous_->next_ : all) = next_;
}

}  // namespace berth::base
