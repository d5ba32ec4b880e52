// The only door to oneTBB. A ThreadPool owns a task arena of its own; regions are flat (a task never opens one).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "base/team.hpp"

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
    if (team_ != nullptr) {
      team_->run_stage(member_, stage_++, [&](std::size_t member) noexcept {
        const auto first = [&](std::size_t m) { return (count * m + team_->members() - 1) / team_->members(); };
        for (std::size_t i = first(member); i < first(member + 1); ++i) body(i, member);
      });
      return;
    }
    if (count == 1 || threads_ == 1) {
      const FloatingPointScope scope;
      for (std::size_t i = 0; i < count; ++i) body(i, std::size_t{0});
      return;
    }
    run(
        count, [](void* context, std::size_t index, std::size_t slot) noexcept { (*static_cast<std::remove_reference_t<Body>*>(context))(index, slot); },
        &body);
  }

  // Calls body(member) on several threads at once, the caller's among them, which all go through the same code: a member's parallel_for() is one region for all
  // of them, so each has to come to the same ones, with the same counts, in the same order. What is between regions each does for itself. A region
  // then costs some 0.3 microseconds instead of 2 to 5, but its indices are dealt out beforehand: for many short regions. `body` must be noexcept.
  template <class Body>
  void as_team(Body&& body) const {
    static_assert(std::is_nothrow_invocable_v<Body&, const ThreadPool&>, "a task must not throw");
    if (threads_ == 1 || team_ != nullptr) {
      body(*this);
      return;
    }
    Team team(static_cast<std::size_t>(threads_) < Team::kMostMembers ? static_cast<std::size_t>(threads_) : Team::kMostMembers);
    parallel_for(team.members(), [&](std::size_t i, std::size_t) noexcept {
      team.join(i);
      body(ThreadPool(team, i));
    });
  }
  bool is_team() const noexcept { return team_ != nullptr; }

 private:
  ThreadPool(Team& team, std::size_t member) noexcept;

  using Task = void (*)(void* context, std::size_t index, std::size_t slot) noexcept;
  void run(std::size_t count, Task task, void* context) const;

  struct Arena;
  int threads_;
  std::unique_ptr<Arena> arena_;  // null: a member
  Team* team_ = nullptr;
  std::size_t member_ = 0;
  mutable std::uint64_t stage_ = 0;  // the member's next one
};

}  // namespace berth::base
