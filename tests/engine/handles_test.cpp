// The handles behind the C interface: what is told about one that is not, or no longer, what it should be.
#include "engine/handles.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace berth::engine::c_api {
namespace {

struct Thing : HandleOf<HandleKind::findings> {
  std::vector<int> held = std::vector<int>(100, 7);
};
struct Other : HandleOf<HandleKind::vectors> {};

Thing* make_thing() { return std::make_unique<Thing>().release(); }

TEST(Handles, FreedOnce) {
  Thing* thing = make_thing();
  EXPECT_TRUE(alive(thing));
  EXPECT_EQ(release(thing), BERTH_OK);
  EXPECT_FALSE(alive(thing));
  EXPECT_EQ(release(thing), BERTH_INVALID_ARGUMENT);
  EXPECT_STREQ(berth_last_error(), "findings was freed already");
  EXPECT_THROW(Use<Thing>{thing}, base::Error);
}

TEST(Handles, NotFreedUnderACall) {
  Thing* thing = make_thing();
  {
    const Use<Thing> one(thing), two(thing);
    EXPECT_EQ(release(thing), BERTH_INVALID_ARGUMENT);
    EXPECT_NE(std::string(berth_last_error()).find("in use by 2 calls"), std::string::npos) << berth_last_error();
    EXPECT_TRUE(alive(thing));
    EXPECT_EQ(thing->held[99], 7);
  }
  EXPECT_EQ(release(thing), BERTH_OK);
}

TEST(Handles, AnotherKind) {
  Thing* thing = make_thing();
  auto* mistaken = reinterpret_cast<Other*>(thing);
  EXPECT_FALSE(alive(mistaken));
  EXPECT_EQ(release(mistaken), BERTH_INVALID_ARGUMENT);
  EXPECT_STREQ(berth_last_error(), "vectors is a berth_findings, not a berth_vectors");
  EXPECT_EQ(release(thing), BERTH_OK);
}

TEST(Handles, MemoryOfManyFreedOnes) {
  Thing* first = make_thing();
  ASSERT_EQ(release(first), BERTH_OK);
  for (int i = 0; i < 63; ++i) ASSERT_EQ(release(make_thing()), BERTH_OK);
  EXPECT_EQ(release(first), BERTH_INVALID_ARGUMENT);  // still known
  for (int i = 0; i < 200; ++i) ASSERT_EQ(release(make_thing()), BERTH_OK);
}

// Whoever frees while others call is told so, until it is the last; nobody ever gets hold of what is gone.
TEST(Handles, FreedBetweenCallsOfOtherThreads) {
  for (int round = 0; round < 5; ++round) {
    Thing* thing = make_thing();
    std::atomic<int> freed = 0, wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        try {
          for (;;) {
            const Use<Thing> use(thing);
            if (thing->held.size() != 100 || thing->held[50] != 7) ++wrong;
          }
        } catch (const base::Error&) {}
      });
    for (int t = 0; t < 2; ++t)
      threads.emplace_back([&] {
        while (freed == 0)
          if (release(thing) == BERTH_OK) ++freed;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(freed, 1);
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace berth::engine::c_api
