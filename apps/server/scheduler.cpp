#include "apps/server/scheduler.hpp"

#include <algorithm>
#include <exception>

namespace berth::server {
namespace {

constexpr std::size_t kShareTokens = 256;  // that a request takes in its turn

constexpr std::string_view kInference = "inference";  // the model's own failure, not the request's

Failure failure_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    const bool callers = known->status() == BERTH_INVALID_ARGUMENT || known->status() == BERTH_TOO_LONG;
    if (callers) return {FailureKind::validation, std::string("Input validation error: ") + error.what(), "validation"};
    return {FailureKind::backend, std::string("Backend error: ") + error.what(), known->status() == BERTH_UNSUPPORTED ? "model_type" : kInference};
  }
  return {FailureKind::backend, std::string("Backend error: ") + error.what(), kInference};
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits, std::function<void(const Batch&)> observe)
    : limits_(limits), observe_(std::move(observe)), thread_([this] { run(); }) {}

void Scheduler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::deque<JobPointer> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(ring_);
    state_ = {};
  }
  for (const JobPointer& job : waiting) {  // those that were cancelled have left the ring
    job->failure.emplace(FailureKind::unhealthy, "the server is stopping", "dropped");
    job->done(*job);
  }
}

bool Scheduler::submit(const JobPointer& job) {
  {
    const std::lock_guard lock(mutex_);
    if (job->cancelled) return true;
    job->submitted = Clock::now();
    for (std::size_t i = 0; i < job->items.size(); ++i)
      if (!job->items[i].cached) {
        job->order.push_back(i);
        job->waiting_tokens += job->items[i].tokens;
      }
    job->left = job->order.size();
  }
  if (job->left == 0) {  // nobody else changes it before the job is in the ring
    job->done(*job);
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    if (job->cancelled) return true;
    const bool fits = state_.tokens + job->waiting_tokens <= limits_.queue_tokens && state_.inputs + job->left <= limits_.queue_inputs;
    if (stopping_ || (!fits && state_.inputs > 0)) return false;
    state_.tokens += job->waiting_tokens;
    state_.inputs += job->left;
    ++state_.jobs;
    ring_.push_back(job);
  }
  work_.notify_one();
  return true;
}

void Scheduler::cancel(const JobPointer& job) {
  const std::lock_guard lock(mutex_);
  if (job->cancelled) return;
  job->cancelled = true;  // also of one that is not submitted yet
  const auto found = std::find(ring_.begin(), ring_.end(), job);
  if (found == ring_.end()) return;  // all of it is in a batch
  state_.tokens -= job->waiting_tokens;
  state_.inputs -= job->order.size() - job->next;
  --state_.jobs;
  ring_.erase(found);
}

QueueState Scheduler::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

double Scheduler::seconds_to_drain() const {
  const std::lock_guard lock(mutex_);
  return tokens_per_second_ > 0 ? static_cast<double>(state_.tokens) / tokens_per_second_ : 0.0;
}

void Scheduler::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return stopping_ || !ring_.empty(); });
    if (stopping_) return;
    std::vector<Taken> batch = take_batch();
    lock.unlock();
    run_batch(batch);
    batch.clear();
    lock.lock();
  }
}

std::vector<Scheduler::Taken> Scheduler::take_batch() {
  std::vector<Taken> batch;
  const std::string lane = ring_.front()->lane_key;
  const Clock::time_point now = Clock::now();
  std::size_t tokens = 0;
  std::deque<JobPointer> served;
  // Each turn of the ring gives every request of the lane a share; at the end those that are not served yet stand before those that are.
  for (bool took = true; took && tokens < limits_.batch_tokens;) {
    took = false;
    for (std::size_t i = 0; i < ring_.size() && tokens < limits_.batch_tokens;) {
      const JobPointer job = ring_[i];
      if (job->lane_key != lane) {
        ++i;
        continue;
      }
      std::size_t share = 0;
      while (job->next < job->order.size() && share < kShareTokens) {
        Item& item = job->items[job->order[job->next]];
        if (!batch.empty() && tokens + item.tokens > limits_.batch_tokens) break;
        if (job->next == 0) job->queued = now - job->submitted;
        batch.push_back({job, &item});
        tokens += item.tokens;
        share += std::max<std::size_t>(1, item.tokens);
        ++job->next;
        job->waiting_tokens -= item.tokens;
        state_.tokens -= item.tokens;
        --state_.inputs;
        took = true;
      }
      if (share == 0) {  // its next input does not fit any more: it stays in front for the next batch
        ++i;
        continue;
      }
      ring_.erase(ring_.begin() + static_cast<std::ptrdiff_t>(i));
      if (job->next < job->order.size()) {
        served.push_back(job);
      } else {
        --state_.jobs;
      }
    }
    if (tokens < limits_.batch_tokens && !served.empty() && took) {
      // Another turn for those that were served and have more.
      ring_.insert(ring_.end(), served.begin(), served.end());
      served.clear();
    }
  }
  ring_.insert(ring_.end(), served.begin(), served.end());
  return batch;
}

void Scheduler::run_batch(std::vector<Taken>& batch) {
  const Lane& lane = batch.front().job->lane;
  std::vector<Item*> items;
  items.reserve(batch.size());
  std::size_t tokens = 0;
  for (const Taken& taken : batch) {
    items.push_back(taken.item);
    tokens += taken.item->tokens;
  }
  const Clock::time_point begin = Clock::now();
  bool failed = false;
  std::string error;
  const auto fail = [&error](Job& job, const std::exception& thrown) {
    Failure failure = failure_of(thrown);
    if (failure.reason() == kInference) error = thrown.what();
    if (!job.failure) job.failure = std::move(failure);
  };
  try {
    run_items(lane, items);
  } catch (const std::exception& thrown) {
    failed = true;
    if (batch.size() == 1) {
      fail(*batch.front().job, thrown);
    } else {  // each alone, so that an input that cannot be answered spoils no other
      for (const Taken& taken : batch) {
        Item* const alone = taken.item;
        try {
          run_items(lane, {&alone, 1});
          failed = false;
        } catch (const std::exception& own) {
          fail(*taken.job, own);
        }
      }
    }
  }
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
  observe_({items.size(), tokens, time, failed, lane.model->name, error});
  finish(batch, time);
  if (time.count() > 0) {
    const double speed = static_cast<double>(tokens) * 1e9 / static_cast<double>(time.count());
    const std::lock_guard lock(mutex_);
    tokens_per_second_ = tokens_per_second_ == 0 ? speed : 0.8 * tokens_per_second_ + 0.2 * speed;
  }
}

void Scheduler::finish(std::vector<Taken>& batch, std::chrono::nanoseconds time) {
  std::vector<JobPointer> complete;
  {
    const std::lock_guard lock(mutex_);
    const Job* last = nullptr;
    for (const Taken& taken : batch) {
      Job& job = *taken.job;
      if (&job != last) job.inference += time;
      last = &job;
      if (job.failure && job.next < job.order.size() && !job.cancelled) {  // the rest of it is not needed any more
        const auto found = std::find(ring_.begin(), ring_.end(), taken.job);
        if (found != ring_.end()) ring_.erase(found);
        state_.tokens -= job.waiting_tokens;
        state_.inputs -= job.order.size() - job.next;
        --state_.jobs;
        job.left -= job.order.size() - job.next;
        job.next = job.order.size();
        job.waiting_tokens = 0;
      }
      if (--job.left == 0 && !job.cancelled) complete.push_back(taken.job);
    }
  }
  for (const JobPointer& job : complete) job->done(*job);
}

}  // namespace berth::server
