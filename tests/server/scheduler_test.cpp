// Order, limits and cancelling of work, with a model that does nothing where results do not matter.
#include "apps/server/scheduler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>

namespace berth::server {
namespace {

ModelPointer intent() {
  static const ModelPointer model = [] {
    const std::string directory = std::string(BERTH_SOURCE_DIR) + "/weights/intent";
    LoadOptions options;
    options.threads = 1;
    return std::make_shared<ServedModel>("intent", directory, Model::load(directory, options));
  }();
  return model;
}

// A job of `count` inputs of `tokens` tokens each.
JobPointer job_of(std::size_t count, std::uint32_t tokens, std::function<void(Job&)> done, std::size_t dimensions = 0) {
  auto job = std::make_shared<Job>();
  job->lane.model = intent();
  job->lane.echo = true;
  job->lane.dimensions = dimensions;  // another lane
  job->lane_key = job->lane.key();
  for (std::size_t i = 0; i < count; ++i) {
    Item item;
    item.ids.assign(tokens, 5);
    item.tokens = tokens;
    job->items.push_back(std::move(item));
  }
  job->done = std::move(done);
  return job;
}

// A scheduler whose thread stands still after its first batch until go(): what is submitted meanwhile waits together.
class Held {
 public:
  explicit Held(SchedulerLimits limits = {.batch_tokens = 512, .queue_tokens = 100000, .queue_inputs = 10000})
      : scheduler(limits, [this](const Scheduler::Batch& batch) {
          if (first_.exchange(false)) {
            standing_.count_down();
            go_.wait();
            return;
          }
          const std::lock_guard lock(mutex);
          batches.push_back(batch);
        }) {
    scheduler.submit(job_of(1, 1, [](Job&) {}));
    standing_.wait();
  }
  void go() { go_.count_down(); }
  ~Held() {
    if (!go_.try_wait()) go_.count_down();
  }

  std::mutex mutex;
  std::vector<Scheduler::Batch> batches;

 private:
  std::atomic<bool> first_{true};
  std::latch standing_{1}, go_{1};

 public:
  Scheduler scheduler;  // its thread ends before the rest goes
};

struct Order {
  std::mutex mutex;
  std::vector<std::string> names;
  std::function<void(Job&)> note(std::string name) {
    return [this, name = std::move(name)](Job&) {
      const std::lock_guard lock(mutex);
      names.push_back(name);
    };
  }
  void wait_for(std::size_t count) {
    for (int i = 0; i < 6000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (names.size() >= count) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "jobs did not end";
  }
};

TEST(Scheduler, a_large_request_does_not_hold_up_small_ones) {
  Order order;
  Held held;
  held.scheduler.submit(job_of(1000, 16, order.note("large")));
  for (int i = 0; i < 5; ++i) held.scheduler.submit(job_of(1, 16, order.note("small")));
  held.go();
  order.wait_for(6);
  EXPECT_EQ(order.names, (std::vector<std::string>{"small", "small", "small", "small", "small", "large"}));
  const std::lock_guard lock(held.mutex);
  // All small ones were in the first batch, which the large one filled up.
  ASSERT_FALSE(held.batches.empty());
  EXPECT_EQ(held.batches[0].tokens, 512U);
}

TEST(Scheduler, a_request_that_was_given_up_before_it_came_is_dropped) {
  Order order;
  Held held;
  const JobPointer early = job_of(3, 16, order.note("given up"));
  held.scheduler.cancel(early);
  EXPECT_TRUE(held.scheduler.submit(early));
  EXPECT_EQ(held.scheduler.state().tokens, 0U);
  EXPECT_EQ(held.scheduler.state().jobs, 0U);
  held.scheduler.submit(job_of(1, 16, order.note("kept")));
  held.go();
  order.wait_for(1);
  EXPECT_EQ(order.names, std::vector<std::string>{"kept"});
}

TEST(Scheduler, requests_that_are_alike_get_equal_shares) {
  Order order;
  Held held;
  held.scheduler.submit(job_of(100, 16, order.note("first")));
  held.scheduler.submit(job_of(40, 16, order.note("second")));
  held.go();
  order.wait_for(2);
  EXPECT_EQ(order.names, (std::vector<std::string>{"second", "first"}));
}

TEST(Scheduler, lanes_take_turns) {
  Order order;
  Held held;
  held.scheduler.submit(job_of(400, 16, order.note("large")));
  held.scheduler.submit(job_of(1, 16, order.note("other lane"), 8));
  held.go();
  order.wait_for(2);
  EXPECT_EQ(order.names.front(), "other lane");
}

TEST(Scheduler, batches_keep_to_their_tokens) {
  Order order;
  Held held;
  for (const std::uint32_t tokens : {100U, 300U, 500U, 700U, 20U, 511U, 512U, 513U, 1U}) held.scheduler.submit(job_of(3, tokens, order.note("")));
  held.go();
  order.wait_for(9);
  // The note comes before the batch of the last one is observed.
  const std::lock_guard lock(held.mutex);
  std::size_t inputs = 0;
  for (const Scheduler::Batch& batch : held.batches) {
    inputs += batch.inputs;
    EXPECT_TRUE(batch.tokens <= 512 || batch.inputs == 1) << batch.tokens << " tokens of " << batch.inputs;
  }
  EXPECT_EQ(inputs, 27U);
}

TEST(Scheduler, refuses_what_does_not_fit) {
  Order order;
  Held held({.batch_tokens = 512, .queue_tokens = 1000, .queue_inputs = 10});
  EXPECT_TRUE(held.scheduler.submit(job_of(50, 100, order.note("anything fits an empty queue"))));
  EXPECT_FALSE(held.scheduler.submit(job_of(1, 1, order.note("refused"))));
  held.go();
  order.wait_for(1);
  EXPECT_EQ(held.scheduler.state().inputs, 0U);
  EXPECT_TRUE(held.scheduler.submit(job_of(1, 1, order.note("again"))));
  order.wait_for(2);
}

TEST(Scheduler, cancelled_work_leaves_the_queue) {
  Order order;
  Held held;
  const JobPointer gone = job_of(100, 10, order.note("gone"));
  held.scheduler.submit(gone);
  held.scheduler.submit(job_of(1, 7, order.note("stays")));
  EXPECT_EQ(held.scheduler.state().tokens, 1007U);
  held.scheduler.cancel(gone);
  held.scheduler.cancel(gone);
  const QueueState state = held.scheduler.state();
  EXPECT_EQ(state.tokens, 7U);
  EXPECT_EQ(state.inputs, 1U);
  EXPECT_EQ(state.jobs, 1U);
  held.go();
  order.wait_for(1);
  EXPECT_EQ(order.names, std::vector<std::string>{"stays"});
  EXPECT_EQ(held.scheduler.state().jobs, 0U);
}

TEST(Scheduler, an_input_that_fails_spoils_no_other_request) {
  std::latch ended(2);
  std::optional<Failure> bad_failure, good_failure;
  std::vector<float> values;
  {
    Held held;
    const JobPointer bad = job_of(3, 4, [&](Job& job) {
      bad_failure = job.failure;
      ended.count_down();
    });
    const JobPointer good = job_of(1, 4, [&](Job& job) {
      good_failure = job.failure;
      values = job.items[0].result.values;
      ended.count_down();
    });
    for (const JobPointer& job : {bad, good}) {
      job->lane.echo = false;
      job->lane_key = job->lane.key();
    }
    bad->items[1].ids[0] = 1 << 30;
    held.scheduler.submit(bad);
    held.scheduler.submit(good);
    held.go();
    ended.wait();
  }
  ASSERT_TRUE(bad_failure.has_value());
  EXPECT_EQ(bad_failure->kind(), FailureKind::validation);
  EXPECT_FALSE(good_failure.has_value());
  const std::vector<std::int32_t> ids(4, 5);
  const Matrix alone = intent()->model->encode({Input::from_ids(ids)});
  EXPECT_EQ(values, alone.values);
}

TEST(Scheduler, many_threads) {
  std::atomic<std::size_t> done{0}, cancelled{0};
  constexpr std::size_t kThreads = 4, kJobs = 200;
  {
    Scheduler scheduler({.batch_tokens = 256, .queue_tokens = 1 << 20, .queue_inputs = 1 << 20}, [](const Scheduler::Batch&) {});
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kJobs; ++i) {
          const JobPointer job = job_of(
              1 + (i + t) % 7, 8, [&](Job&) { done.fetch_add(1); }, i % 3);
          scheduler.submit(job);
          if (i % 5 == 0) {
            scheduler.cancel(job);
            cancelled.fetch_add(1);
          }
        }
      });
    for (std::thread& thread : threads) thread.join();
    while (scheduler.state().jobs > 0) std::this_thread::yield();
  }
  // A job may be done before it is cancelled.
  EXPECT_GE(done.load(), kThreads * kJobs - cancelled.load());
  EXPECT_LE(done.load(), kThreads * kJobs);
}

}  // namespace
}  // namespace berth::server
