// Counters and histograms, and their text for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace berth::server {

// NAME{LABELS} VALUE, a line; `labels` may be empty.
void append_sample(std::string& out, std::string_view name, std::string_view labels, double value);
void append_sample(std::string& out, std::string_view name, std::string_view labels, std::uint64_t value);
// A counter without labels, with its head.
void append_counter(std::string& out, std::string_view name, std::uint64_t value, std::string_view help);

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void observe(double value) noexcept;
  void render(std::string& out, const std::string& name, std::string_view help) const;
  std::uint64_t count() const noexcept;
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }
  std::vector<std::uint64_t> counts() const;  // of each bucket by itself

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

// A counter for each value of one or more labels. Few values: they come from our tables, never from requests.
class Counters {
 public:
  void add(const std::string& labels, std::uint64_t amount = 1);
  void render(std::string& out, std::string_view name, std::string_view help) const;
  std::map<std::string, std::uint64_t> values() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;  // by `a="b"`
};

// The stages that TEI has histograms for.
struct StageTimes {
  StageTimes();
  Histogram total, tokenization, queue, inference;  // seconds
  void observe(double total, double tokenization, double queue, double inference) noexcept;
  void render(std::string& out, const std::string& prefix, const std::string& of) const;
};

struct Gauge {
  std::string_view name, help;
  double value;
};

struct Metrics {
  Metrics();
  Counters requests, successes, failures;  // TEI's te_request_*, by method and by err
  Counters http;                           // by route, method, status
  std::atomic<std::uint64_t> embeds{0}, embeds_good{0}, predicts{0}, predicts_good{0};
  std::atomic<std::uint64_t> truncated{0}, tokens{0}, inputs{0};
  StageTimes request, embed, predict;
  Histogram input_length, batch_inputs, batch_tokens, batch_fill, batch_seconds;
  std::atomic<std::uint64_t> cache_hits{0}, cache_misses{0}, cache_evictions{0};
  Counters reloads, protocol_errors;

  // Prometheus' text format, version 0.0.4.
  std::string render(const std::vector<Gauge>& gauges) const;
};

double seconds(std::chrono::nanoseconds time) noexcept;
std::size_t resident_bytes();  // of this process; 0 where the system does not say

// `text` as the value of a label.
std::string label_value(std::string_view text);

}  // namespace berth::server
