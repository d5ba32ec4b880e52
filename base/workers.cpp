#include "base/workers.hpp"

#include <immintrin.h>
#include <signal.h>

namespace berth::base {

namespace {

// Some 50 to 100 microseconds: regions follow each other within a call, and to wake a thread costs about as much.
constexpr int kSpins = 1000;

template <class Condition>
void spin_until(Condition&& condition) noexcept {
  for (int i = 0; i < kSpins && !condition(); ++i) _mm_pause();
}

// Threads that start meanwhile take no signal: handlers of the host run on threads of the host.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t saved_{};
};

}  // namespace

// Lives on its caller's stack. A worker touches it only between join() and the lock under which it lowers `helpers`.
struct Workers::Region {
  Task task;
  void* context;
  std::size_t count;
  std::atomic<std::size_t> next{0};     // index that nobody has taken
  std::atomic<std::size_t> helpers{0};  // workers at it; written under mutex_
  std::size_t slots = 1;                // given out so far, the caller's included; under mutex_
  Region* later = nullptr;

  bool exhausted() const noexcept { return next.load(std::memory_order_relaxed) >= count; }
  void run(std::size_t slot) noexcept {
    for (std::size_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, index, slot);
  }
};

Workers::Workers(int threads) noexcept : threads_(static_cast<std::size_t>(threads)) {
  const NoSignals scope;
  try {
    workers_.reserve(threads_ - 1);
    while (workers_.size() + 1 < threads_) workers_.emplace_back([this] { work(); });
  } catch (...) {  // callers do what no worker does
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  opened_.fetch_add(1, std::memory_order_release);
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Workers::run(std::size_t count, Task task, void* context) noexcept {
  Region region{.task = task, .context = context, .count = count};
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    *end_ = &region;
    end_ = &region.later;
    wake = asleep_ > 0;
  }
  opened_.fetch_add(1, std::memory_order_release);
  if (wake) work_.notify_all();
  region.run(0);
  spin_until([&] { return region.helpers.load(std::memory_order_acquire) == 0; });

  std::unique_lock lock(mutex_);
  Region** link = &first_;
  while (*link != &region) link = &(*link)->later;
  *link = region.later;  // from here on nobody joins
  if (end_ == &region.later) end_ = link;
  done_.wait(lock, [&] { return region.helpers.load(std::memory_order_relaxed) == 0; });
}

Workers::Region* Workers::join() noexcept {
  for (Region* region = first_; region != nullptr; region = region->later) {
    if (region->exhausted() || region->slots == threads_) continue;
    region->helpers.fetch_add(1, std::memory_order_relaxed);
    return region;
  }
  return nullptr;
}

void Workers::wait_for_work(std::unique_lock<std::mutex>& lock) noexcept {
  const unsigned seen = opened_.load(std::memory_order_relaxed);
  lock.unlock();
  spin_until([&] { return opened_.load(std::memory_order_acquire) != seen; });
  lock.lock();
  if (opened_.load(std::memory_order_relaxed) != seen || stop_) return;
  for (const Region* region = first_; region != nullptr; region = region->later)
    if (!region->exhausted() && region->slots < threads_) return;  // opened before its caller counted up
  ++asleep_;
  work_.wait(lock);
  --asleep_;
}

void Workers::work() noexcept {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    Region* region = join();
    if (region == nullptr) {
      wait_for_work(lock);
      continue;
    }
    const std::size_t slot = region->slots++;
    lock.unlock();
    region->run(slot);
    lock.lock();
    if (region->helpers.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
  }
}

}  // namespace berth::base
