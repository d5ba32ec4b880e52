#include "base/parallel.hpp"

#include <immintrin.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace berth::base {

namespace {
// Rounding to nearest, all exceptions masked, flush-to-zero and denormals-are-zero: what AMX BF16 hard-wires, so every path agrees with it.
constexpr unsigned kOurMxcsr = 0x1f80U | 0x8000U | 0x0040U;
}  // namespace

ThreadPool::FloatingPointGuard::FloatingPointGuard() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kOurMxcsr); }
ThreadPool::FloatingPointGuard::~FloatingPointGuard() { _mm_setcsr(saved_); }

// The arena is made on first use in each process: worker threads do not survive a fork, so a child makes its own and lets go of the
// parent's (whose destructor would wait for threads that are not there).
struct ThreadPool::Arena {
  explicit Arena(int threads_) : threads(threads_) {}
  ~Arena() {
    if (owner == getpid()) delete arena;
  }

  tbb::task_arena& get() {
    if (process.load(std::memory_order_acquire) == getpid()) return *arena;
    const std::lock_guard lock(mutex);
    if (process.load(std::memory_order_relaxed) != getpid()) {
      arena = new tbb::task_arena(threads);
      arena->initialize();
      owner = getpid();
      process.store(owner, std::memory_order_release);
    }
    return *arena;
  }

  int threads;
  std::mutex mutex;
  std::atomic<pid_t> process{0};
  pid_t owner = 0;
  tbb::task_arena* arena = nullptr;
};

ThreadPool::ThreadPool(int threads) : threads_(threads), arena_(std::make_unique<Arena>(threads)) {}
ThreadPool::~ThreadPool() = default;

void ThreadPool::run(std::size_t count, Task task, void* context) const {
  // isolate: while this region waits for its last task, its thread may not pick up another caller's task and keep this caller waiting.
  arena_->get().execute([&] {
    tbb::this_task_arena::isolate([&] {
      tbb::parallel_for(
          tbb::blocked_range<std::size_t>(0, count, 1),
          [&](const tbb::blocked_range<std::size_t>& range) {
            const FloatingPointGuard guard;
            const auto slot = static_cast<std::size_t>(tbb::this_task_arena::current_thread_index());
            for (std::size_t i = range.begin(); i != range.end(); ++i) task(context, i, slot);
          },
          tbb::simple_partitioner());
    });
  });
}

}  // namespace berth::base
