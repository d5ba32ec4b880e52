#include "base/parallel.hpp"

#include <immintrin.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#if defined(BERTH_TELL_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

namespace berth::base {

namespace {
// Rounding to nearest, all exceptions masked, flush-to-zero and denormals-are-zero: what AMX BF16 hard-wires, so every path agrees with it.
constexpr unsigned kOurMxcsr = 0x1f80U | 0x8000U | 0x0040U;

// oneTBB starts at most one worker per CPU, whatever an arena was made for, and says so on standard error. Whoever asks for more threads than
// CPUs shall have them. The limit belongs to the whole process, so it is only ever raised: that takes nothing from the host, and of several
// limits oneTBB obeys the lowest, so a lower one that the host has set stays in force.
void allow_threads(int threads) {
  static std::mutex mutex;
  static int allowed = tbb::info::default_concurrency();
  static tbb::global_control* control = nullptr;  // for the life of the process
  const std::lock_guard lock(mutex);
  if (threads <= allowed) return;
  delete control;
  control = new tbb::global_control(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  allowed = threads;
}

// ThreadSanitizer cannot see how oneTBB, which is not built with it, hands work from one thread to another. It is told here: what a thread did
// before hand_over() is known to whoever comes to take_over() later. This file itself, and with it oneTBB's templates, is not instrumented
// (CMakeLists.txt): their accesses are ordered by atomics inside the library, which the sanitizer would not know.
#if defined(BERTH_TELL_THREAD_SANITIZER)
char tsan_anchor;
void take_over() noexcept { __tsan_acquire(&tsan_anchor); }
void hand_over() noexcept { __tsan_release(&tsan_anchor); }
#else
void take_over() noexcept {}
void hand_over() noexcept {}
#endif

}  // namespace

FloatingPointScope::FloatingPointScope() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kOurMxcsr); }
FloatingPointScope::~FloatingPointScope() { _mm_setcsr(saved_); }

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
      allow_threads(threads);
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
  hand_over();  // the caller's own work, which the tasks read
  arena_->get().execute([&] {
    tbb::this_task_arena::isolate([&] {
      tbb::parallel_for(
          tbb::blocked_range<std::size_t>(0, count, 1),
          [&](const tbb::blocked_range<std::size_t>& range) {
            take_over();
            const FloatingPointScope scope;
            const auto slot = static_cast<std::size_t>(tbb::this_task_arena::current_thread_index());
            for (std::size_t i = range.begin(); i != range.end(); ++i) task(context, i, slot);
            hand_over();
          },
          tbb::simple_partitioner());
    });
  });
  take_over();  // the tasks' work, which the caller reads
}

}  // namespace berth::base
