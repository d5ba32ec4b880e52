// Inputs of all requests into ragged batches. One thread runs batch after batch; while one runs, the next gathers. There is no waiting for more: an
// idle engine takes what is there.
//
// Order. Requests stand in a ring. A batch begins with the request at the front and takes only inputs of its lane, from one request after the other, a share of
// some tokens at a time, until the batch is full; who was served goes to the back. So a request of thousands of inputs and one of a single input get the
// same share of each batch, and no lane waits longer than one batch of each other.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "apps/server/job.hpp"

namespace berth::server {

struct SchedulerLimits {
  std::size_t batch_tokens = 2048;  // a longer input runs alone
  std::size_t queue_tokens = std::size_t{1} << 20;
  std::size_t queue_inputs = 16384;
};

struct QueueState {
  std::size_t tokens = 0, inputs = 0, jobs = 0;
};

class Scheduler {
 public:
  struct Batch {
    std::size_t inputs, tokens;
    std::chrono::nanoseconds time;
    bool failed;             // each of its inputs, also alone
    std::string_view model;  // its name
    std::string_view error;  // where the model failed on an input: the last one's message
  };
  // `observe` is called after each batch, by the thread that ran it.
  Scheduler(const SchedulerLimits& limits, std::function<void(const Batch&)> observe);
  ~Scheduler() { stop(); }
  // After the batch that runs; jobs that wait are failed, and no other is taken.
  void stop();

  // False when the queue has no room for what has no result yet; else job->done will be called, unless the call is abandoned first. An empty queue takes
  // any job.
  bool submit(const JobPointer& job);
  // What was not started is dropped; `done` is not called any more.
  void cancel(const JobPointer& job);

  QueueState state() const;
  // Until what waits now has run, by the speed of the last batches.
  double seconds_to_drain() const;

 private:
  struct Taken {
    JobPointer job;
    Item* item;
  };
  void run();
  std::vector<Taken> take_batch();  // under the mutex
  void run_batch(std::vector<Taken>& batch);
  void finish(std::vector<Taken>& batch, std::chrono::nanoseconds time);

  const SchedulerLimits limits_;
  const std::function<void(const Batch&)> observe_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<JobPointer> ring_;
  QueueState state_;
  double tokens_per_second_ = 0;  // of the last batches
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace berth::server
