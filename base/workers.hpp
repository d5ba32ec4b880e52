// Threads of our own, for forked children: oneTBB cannot be told to start again there (parallel.cpp).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace berth::base {

class Workers {
 public:
  using Task = void (*)(void* context, std::size_t index, std::size_t slot) noexcept;

  // threads - 1 workers, for callers are the other one; fewer where the system gives no more.
  explicit Workers(int threads) noexcept;
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // As ThreadPool::parallel_for: task(context, index, slot) for every index in [0, count); slot < threads is one task's at a time. Any number of
  // threads may call it at once: each works on its own region, and workers join the oldest that has indices left.
  void run(std::size_t count, Task task, void* context) noexcept;

 private:
  struct Region;  // a call

  void work() noexcept;
  Region* join() noexcept;  // under mutex_: a region with something to do, or null
  void wait_for_work(std::unique_lock<std::mutex>& lock) noexcept;

  const std::size_t threads_;
  std::mutex mutex_;
  std::condition_variable work_;  // workers wait here
  std::condition_variable done_;  // callers wait here
  Region* first_ = nullptr;       // open regions, oldest first
  Region** end_ = &first_;
  std::size_t asleep_ = 0;  // workers in work_.wait()
  bool stop_ = false;
  std::atomic<unsigned> opened_{0};  // changes when there is something to look at; read without the lock by workers that spin
  std::vector<std::thread> workers_;
};

}  // namespace berth::base
