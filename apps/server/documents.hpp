// The memory for what bodies are while they are read, which may be many times what they were.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace berth::server {

class Documents {
 public:
  explicit Documents(std::size_t limit) : limit_(limit) {}
  // Waits until so much is there, which is no more than limit(). Not for long: who has some of it computes, and waits for nobody. A thread takes once.
  void take(std::size_t bytes) {
    const std::lock_guard turn(turn_);  // who waits is the next one, or many small documents would keep a large one waiting
    std::unique_lock lock(mutex_);
    given_.wait(lock, [&] { return bytes <= limit_ - used_; });
    used_ += bytes;
  }
  void give(std::size_t bytes) noexcept {
    {
      const std::lock_guard lock(mutex_);
      used_ -= bytes;
    }
    given_.notify_one();
  }
  std::size_t used() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }
  std::size_t limit() const noexcept { return limit_; }

 private:
  const std::size_t limit_;
  std::mutex turn_;
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::size_t used_ = 0;
};

}  // namespace berth::server
