// Threads that go through the same code together, stage by stage: what a ThreadPool's members do in ThreadPool::as_team().
#pragma once

#include <immintrin.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace berth::base {

// Every stage has a share for each member. A stage is over when all its shares are done, whoever did them: the shares of a member that has not come yet, or
// that was interrupted, are taken by others, so that nobody waits for a thread that the system does not run, and one member alone gets through.
class Team {
 public:
  static constexpr std::size_t kMostMembers = 16;

  explicit Team(std::size_t members) noexcept : members_(members) {}

  std::size_t members() const noexcept { return members_; }
  void join(std::size_t member) noexcept { states_[member].joined.store(true, std::memory_order_relaxed); }

  // Stages are numbered from 0, and every member runs all of them, in order, with the same shares. Calls share(m) for what is left to do and returns when
  // the stage is over; what others did in it is visible then.
  template <class Share>
  void run_stage(std::size_t member, std::uint64_t stage, Share&& share) noexcept {
    const auto run = [&](std::size_t m) {
      std::uint64_t expected = stage;
      if (!states_[m].stage.compare_exchange_strong(expected, stage + 1, std::memory_order_relaxed)) return;
      share(m);
      done_.fetch_add(1, std::memory_order_acq_rel);
    };
    run(member);
    const std::uint64_t end = (stage + 1) * members_;
    for (unsigned turns = 0; done_.load(std::memory_order_acquire) < end; ++turns) {
      for (std::size_t m = 0; m < members_; ++m)
        if (!states_[m].joined.load(std::memory_order_relaxed) || turns > kPatience) run(m);
      if (turns > kPatience)
        std::this_thread::yield();
      else
        _mm_pause();
    }
  }

 private:
  static constexpr unsigned kPatience = 400;  // some 20 microseconds: longer than a member that runs needs for a share and its neighbour's lines

  struct alignas(64) State {
    std::atomic<std::uint64_t> stage{0};  // its first share that nobody has taken
    std::atomic<bool> joined{false};
  };
  std::size_t members_;
  std::array<State, kMostMembers> states_;
  alignas(64) std::atomic<std::uint64_t> done_{0};  // shares of all stages
};

}  // namespace berth::base
