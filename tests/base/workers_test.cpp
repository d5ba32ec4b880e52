// The threads that forked children have. ThreadSanitizer runs this, too.
#include "base/workers.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using base::Workers;

struct Record {
  explicit Record(std::size_t count, std::size_t slots) : visits(count), in_slot(slots) {}
  static void visit(void* context, std::size_t index, std::size_t slot) noexcept {
    auto& record = *static_cast<Record*>(context);
    if (slot >= record.in_slot.size() || record.in_slot[slot].fetch_add(1) != 0) record.shared_slot = true;
    ++record.visits[index];    // not atomic: an index that two threads had would be a race
    std::atomic<int> time{0};  // not optimised away
    while (time.fetch_add(1) < 200) {}
    record.in_slot[slot].fetch_sub(1);
  }
  std::vector<int> visits;
  std::vector<std::atomic<int>> in_slot;
  std::atomic<bool> shared_slot{false};
};

void expect_region(Workers& workers, std::size_t count, std::size_t threads) {
  Record record(count, threads);
  workers.run(count, Record::visit, &record);
  EXPECT_FALSE(record.shared_slot);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(record.visits[i], 1) << "index " << i << " of " << count;
}

class WorkersTest : public testing::TestWithParam<int> {};

TEST_P(WorkersTest, EveryIndexOnceAndNoSlotTwiceAtATime) {
  Workers workers(GetParam());
  for (const std::size_t count : {1U, 2U, 3U, 7U, 64U, 1000U})
    for (int round = 0; round < 20; ++round) expect_region(workers, count, static_cast<std::size_t>(GetParam()));
}

TEST_P(WorkersTest, WorkersThatHaveGoneToSleepComeBack) {
  Workers workers(GetParam());
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    expect_region(workers, 50, static_cast<std::size_t>(GetParam()));
  }
}

TEST_P(WorkersTest, ManyCallersAtOnce) {
  Workers workers(GetParam());
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < 4; ++caller)
    callers.emplace_back([&workers, caller, threads = static_cast<std::size_t>(GetParam())] {
      for (std::size_t round = 0; round < 100; ++round) expect_region(workers, 1 + (round + caller) % 17, threads);
    });
  for (std::thread& caller : callers) caller.join();
}

INSTANTIATE_TEST_SUITE_P(Threads, WorkersTest, testing::Values(1, 2, 3, 8));

TEST(Workers, WorkIsShared) {
  Workers workers(2);
  struct Meeting {
    std::atomic<int> here{0};
    std::atomic<bool> met{false};
  } meeting;
  // Two tasks that wait for each other (for a while): only two threads can end this with a meeting.
  workers.run(
      2,
      [](void* context, std::size_t, std::size_t) noexcept {
        auto& both = *static_cast<Meeting*>(context);
        ++both.here;
        for (int i = 0; i < 5000 && both.here < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (both.here == 2) both.met = true;
      },
      &meeting);
  EXPECT_TRUE(meeting.met);
}

TEST(Workers, ComeAndGo) {
  for (int round = 0; round < 50; ++round) {
    Workers workers(3);
    if (round % 2 == 0) expect_region(workers, 5, 3);
  }
}

}  // namespace
}  // namespace berth::test
