// The only door to oneTBB. A ThreadPool owns a task arena of its own; regions are flat (a task never opens one).
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace berth::base {

// While it lives, the calling thread computes under berth's MXCSR whatever the host's is: round to nearest, denormals are zero (as AMX BF16
// has it anyway). The host's comes back at the end.
class FloatingPointScope {
 public:
  FloatingPointScope() noexcept;
  ~FloatingPointScope();
  FloatingPointScope(const FloatingPointScope&) = delete;
  FloatingPointScope& operator=(const FloatingPointScope&) = delete;

 private:
  unsigned saved_;
};

class ThreadPool {
 public:
  // Up to `threads` threads work on one region, the caller included; threads >= 1. More callers than threads share them.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept { return threads_; }

  // Calls body(index, slot) for every index in [0, count), in no particular order, and returns when all are done. `slot` in [0, threads())
  // belongs to one task of this region at a time: per-region scratch is indexed by it. `body` must be noexcept: tasks never throw.
  // Runs inline, in order, on slot 0 when count or threads() is 1. Safe to call from several threads at once and after fork().
  template <class Body>
  void parallel_for(std::size_t count, Body&& body) const {
    static_assert(std::is_nothrow_invocable_v<Body&, std::size_t, std::size_t>, "a task must not throw");
    if (count == 0) return;
    if (count == 1 || threads_ == 1) {
      const FloatingPointScope scope;
      for (std::size_t i = 0; i < count; ++i) body(i, std::size_t{0});
      return;
    }
    run(
        count, [](void* context, std::size_t index, std::size_t slot) noexcept { (*static_cast<std::remove_reference_t<Body>*>(context))(index, slot); },
        &body);
  }

 private:
  using Task = void (*)(void* context, std::size_t index, std::size_t slot) noexcept;
  void run(std::size_t count, Task task, void* context) const;

  struct Arena;
  int threads_;
  std::unique_ptr<Arena> arena_;
};

}  // namespace berth::base
