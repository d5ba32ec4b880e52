// Threads that go through stages together. ThreadSanitizer runs this, too.
#include "base/team.hpp"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/parallel.hpp"

namespace berth::test {
namespace {

using base::Team;
using base::ThreadPool;

// How often every share of every stage ran. Not atomic: a share that two members ran at a time would be a race.
struct Shares {
  Shares(std::size_t stages, std::size_t members) : runs(stages, std::vector<int>(members)) {}
  void run_all(Team& team, std::size_t member) {
    for (std::size_t stage = 0; stage < runs.size(); ++stage) {
      team.run_stage(member, stage, [&](std::size_t share) noexcept { ++runs[stage][share]; });
      for (const int count : runs[stage]) all_seen = all_seen && count == 1;
    }
  }
  void expect_once() const {
    EXPECT_TRUE(all_seen);
    for (const auto& stage : runs)
      for (const int count : stage) ASSERT_EQ(count, 1);
  }
  std::vector<std::vector<int>> runs;
  std::atomic<bool> all_seen{true};
};

TEST(Team, OneMemberGetsThroughAlone) {
  Team team(3);
  Shares shares(50, 3);
  team.join(1);
  shares.run_all(team, 1);
  shares.expect_once();
}

TEST(Team, AMemberThatComesLateFindsAllDone) {
  Team team(2);
  Shares shares(200, 2);
  team.join(0);
  shares.run_all(team, 0);
  std::thread late([&] {
    team.join(1);
    shares.run_all(team, 1);
  });
  late.join();
  shares.expect_once();
}

// As one that the system has interrupted: it has come, and does nothing until the others are through.
TEST(Team, NobodyWaitsForAMemberThatIsInterrupted) {
  Team team(3);
  Shares shares(20, 3);
  std::latch joined(1);
  std::latch others_are_through(2);
  std::thread interrupted([&] {
    team.join(2);
    joined.count_down();
    others_are_through.wait();
    shares.run_all(team, 2);
  });
  joined.wait();
  std::vector<std::thread> others;
  for (const std::size_t member : {0U, 1U})
    others.emplace_back([&, member] {
      team.join(member);
      shares.run_all(team, member);
      others_are_through.count_down();
    });
  for (std::thread& thread : others) thread.join();
  interrupted.join();
  shares.expect_once();
}

class TeamOfAPool : public testing::TestWithParam<int> {};

// x[i] = x[another] + i, again and again: whoever misses a write of the stage before has another result than one thread.
std::vector<std::uint64_t> mix(const ThreadPool& pool, bool as_team) {
  constexpr std::size_t kSize = 301;
  std::vector<std::uint64_t> x(kSize, 1);
  std::vector<std::uint64_t> y(kSize);
  std::vector<std::atomic<int>> in_slot(static_cast<std::size_t>(pool.threads()));
  std::atomic<bool> shared_slot{false};
  const auto stages = [&](const ThreadPool& member) noexcept {
    for (std::size_t round = 0; round < 60; ++round) {
      auto& from = round % 2 == 0 ? x : y;
      auto& to = round % 2 == 0 ? y : x;
      const std::size_t count = round % 7 == 0 ? 1 : round % 11 == 0 ? 0 : round % 3 == 0 ? kSize : 5;  // of stretches
      member.parallel_for(count, [&](std::size_t stretch, std::size_t slot) noexcept {
        if (slot >= in_slot.size() || in_slot[slot].fetch_add(1) != 0) shared_slot = true;
        for (std::size_t i = kSize * stretch / count; i < kSize * (stretch + 1) / count; ++i) to[i] = from[(i * 7 + round) % kSize] * 3 + i;
        in_slot[slot].fetch_sub(1);
      });
    }
  };
  if (as_team)
    pool.as_team(stages);
  else
    stages(pool);
  EXPECT_FALSE(shared_slot);
  return x;
}

TEST_P(TeamOfAPool, DoesWhatRegionsDo) {
  const ThreadPool pool(GetParam());
  const ThreadPool one(1);
  const auto expected = mix(one, false);
  for (int round = 0; round < 30; ++round) {
    ASSERT_EQ(mix(pool, true), expected);
    ASSERT_EQ(mix(pool, false), expected);
  }
}

TEST_P(TeamOfAPool, HasCallersAtOnce) {
  const ThreadPool pool(GetParam());
  const auto expected = mix(pool, false);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) EXPECT_EQ(mix(pool, true), expected);
    });
  for (std::thread& thread : callers) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Threads, TeamOfAPool, testing::Values(1, 2, 3, 8, 40));

}  // namespace
}  // namespace berth::test
