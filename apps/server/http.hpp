// Requests and responses without a word about sockets: what the routes see of HTTP.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::server {

using Clock = std::chrono::steady_clock;
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string path;   // without the query
  std::string query;  // without the "?"
  Headers headers;    // names in lower case
  std::string body;

  // "" where there is none; of several the first.
  std::string_view header(std::string_view lower_case_name) const noexcept;
};

struct Response {
  int status = 200;
  std::string type = {};  // Content-Type; empty: none
  std::string body = {};
  Headers headers = {};
};

// Bytes that may be in use at once.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}
  bool take(std::size_t amount) noexcept {
    std::size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (amount > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
    return true;
  }
  void give(std::size_t amount) noexcept { used_.fetch_sub(amount, std::memory_order_relaxed); }
  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const noexcept { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// A part of a budget, given back at the end.
class Share {
 public:
  Share() = default;
  explicit Share(Budget& budget) : budget_(&budget) {}
  Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), amount_(std::exchange(other.amount_, 0)) {}
  Share& operator=(Share&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  ~Share() {
    if (budget_ != nullptr) budget_->give(amount_);
  }
  // That so much is taken in all; false leaves things as they are.
  bool grow_to(std::size_t amount) noexcept {
    if (amount > amount_) {
      if (!budget_->take(amount - amount_)) return false;
      amount_ = amount;
    }
    return true;
  }

 private:
  Budget* budget_ = nullptr;
  std::size_t amount_ = 0;
};

// A request on its way to its response.
class Call {
 public:
  Request request;
  Clock::time_point received;
  std::string id;           // x-request-id
  std::string traceparent;  // of the response
  Share body_share, result_share;
  std::atomic<std::uint64_t> inputs{0}, tokens{0};  // that were answered

  // The first answer counts; any thread. `make` is called by the connection's thread, and not at all where nobody waits for it any more.
  using Make = std::function<Response()>;
  void respond_with(Make make) {
    if (!answered_.exchange(true)) std::exchange(sink_, nullptr)(std::move(make));
  }
  void respond(Response response) {
    respond_with([response = std::make_shared<Response>(std::move(response))] { return std::move(*response); });
  }
  void set_sink(std::function<void(Make)> sink) { sink_ = std::move(sink); }

  // Nobody waits for the response any more: the client went away, or the deadline passed.
  void abandon() {
    std::function<void()> action;
    {
      const std::lock_guard lock(mutex_);
      abandoned_.store(true);
      action = std::exchange(on_abandon_, nullptr);
    }
    if (action) action();
  }
  bool abandoned() const noexcept { return abandoned_.load(); }
  // What abandon() does, at once where it has been called.
  void on_abandon(std::function<void()> action) {
    {
      const std::lock_guard lock(mutex_);
      if (!abandoned_.load()) {
        on_abandon_ = std::move(action);
        return;
      }
    }
    action();
  }

 private:
  std::function<void(Make)> sink_;
  std::atomic<bool> answered_{false}, abandoned_{false};
  std::mutex mutex_;
  std::function<void()> on_abandon_;
};
using CallPointer = std::shared_ptr<Call>;

}  // namespace berth::server
