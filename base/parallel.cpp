#include "base/parallel.hpp"

#include <immintrin.h>

#include <atomic>
#include <mutex>
#include <new>

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "base/fork.hpp"
#include "base/workers.hpp"

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

namespace {
constexpr unsigned kNever = ~0U;  // no process's fork_count()
}  // namespace

// Threads do not survive a fork, so they are found on first use in each process: oneTBB's, or our own in a forked child, whose parent (or its
// host) may have used oneTBB: it takes its lost workers for sleeping ones, and its locks may have been held by threads that are gone.
// What the parent had is let go of, for good: to destroy it would be to wait for threads that are not there.
struct ThreadPool::Arena {
  explicit Arena(int threads_) : threads(threads_) {}
  ~Arena() {
    if (process.load(std::memory_order_acquire) != fork_count()) return;
    delete arena;
    delete workers;
  }

  void make_ready() {
    const unsigned here = fork_count();
    if (process.load(std::memory_order_acquire) == here) return;
    const std::lock_guard lock(mutex);
    if (process.load(std::memory_order_relaxed) == here) return;
    arena = nullptr;
    workers = nullptr;
    if (here == 0) {
      allow_threads(threads);
      arena = new tbb::task_arena(threads);
      arena->initialize();
    } else {
      workers = new (std::nothrow) Workers(threads);
    }
    process.store(here, std::memory_order_release);
  }

  int threads;
  ForkMutex mutex;
  std::atomic<unsigned> process{kNever};  // whose the two are: at most one of them is there
  tbb::task_arena* arena = nullptr;
  Workers* workers = nullptr;
};

namespace {
struct AnyTask {
  void (*run)(void* context, std::size_t index, std::size_t slot) noexcept;
  void* context;
};

// workers may be null where there was no memory for them.
void run_with_workers(Workers* workers, std::size_t count, AnyTask task) noexcept {
  const auto in_our_mode = [](void* context, std::size_t index, std::size_t slot) noexcept {
    const FloatingPointScope scope;
    const auto& inner = *static_cast<const AnyTask*>(context);
    inner.run(inner.context, index, slot);
  };
  if (workers != nullptr) {
    workers->run(count, in_our_mode, &task);
  } else {
    for (std::size_t i = 0; i < count; ++i) in_our_mode(&task, i, 0);
  }
}
}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), arena_(std::make_unique<Arena>(threads)) {}
ThreadPool::ThreadPool(Team& team, std::size_t member) noexcept : threads_(static_cast<int>(team.members())), team_(&team), member_(member) {}
ThreadPool::~ThreadPool() = default;

void ThreadPool::run(std::size_t count, Task task, void* context) const {
  arena_->make_ready();
  if (arena_->arena == nullptr) {
    run_with_workers(arena_->workers, count, {task, context});
    return;
  }
  // isolate: while this region waits for its last task, its thread may not pick up another caller's task and keep this caller waiting.
  hand_over();  // the caller's own work, which the tasks read
  arena_->arena->execute([&] {
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
