#include "apps/server/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>

#include <unistd.h>

namespace berth::server {
namespace {

std::vector<double> powers(double first, double factor, int count) {
  std::vector<double> result;
  for (int i = 0; i < count; ++i, first *= factor) result.push_back(first);
  return result;
}
// TEI's: 35 from 15 µs by half as much again.
std::vector<double> times() { return powers(1.5e-5, 1.5, 35); }

template <class Value>
std::string number(Value value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr};
}

void append_line(std::string& out, std::string_view name, std::string_view labels, const std::string& value) {
  out += name;
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

}  // namespace

void append_sample(std::string& out, std::string_view name, std::string_view labels, double value) { append_line(out, name, labels, number(value)); }
void append_sample(std::string& out, std::string_view name, std::string_view labels, std::uint64_t value) { append_line(out, name, labels, number(value)); }

void append_counter(std::string& out, std::string_view name, std::uint64_t value, std::string_view help) {
  head(out, name, "counter", help);
  append_sample(out, name, "", value);
}

double seconds(std::chrono::nanoseconds time) noexcept { return static_cast<double>(time.count()) * 1e-9; }

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  if (!(file >> size >> resident)) return 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string label_value(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

void Histogram::observe(double value) noexcept {
  const auto bucket = static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  double sum = sum_.load(std::memory_order_relaxed);
  while (!sum_.compare_exchange_weak(sum, sum + value, std::memory_order_relaxed)) {}
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t all = 0;
  for (const auto& count : counts_) all += count.load(std::memory_order_relaxed);
  return all;
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> result;
  for (const auto& count : counts_) result.push_back(count.load(std::memory_order_relaxed));
  return result;
}

void Histogram::render(std::string& out, const std::string& name, std::string_view help) const {
  head(out, name, "histogram", help);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    all += counts_[i].load(std::memory_order_relaxed);
    append_sample(out, name + "_bucket", "le=\"" + (i < bounds_.size() ? number(bounds_[i]) : "+Inf") + "\"", all);
  }
  append_sample(out, name + "_sum", "", sum());
  append_sample(out, name + "_count", "", all);
}

void Counters::add(const std::string& labels, std::uint64_t amount) {
  const std::lock_guard lock(mutex_);
  counts_[labels] += amount;
}

std::map<std::string, std::uint64_t> Counters::values() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Counters::render(std::string& out, std::string_view name, std::string_view help) const {
  head(out, name, "counter", help);
  for (const auto& [labels, count] : values()) append_sample(out, name, labels, count);
}

StageTimes::StageTimes() : total(times()), tokenization(times()), queue(times()), inference(times()) {}

void StageTimes::observe(double total_, double tokenization_, double queue_, double inference_) noexcept {
  total.observe(total_);
  tokenization.observe(tokenization_);
  queue.observe(queue_);
  inference.observe(inference_);
}

void StageTimes::render(std::string& out, const std::string& prefix, const std::string& of) const {
  total.render(out, prefix + "_duration", "Seconds from a request's last byte to its answer, of " + of);
  tokenization.render(out, prefix + "_tokenization_duration", "Seconds of it for reading and tokenizing, of " + of);
  queue.render(out, prefix + "_queue_duration", "Seconds of it that inputs waited, of " + of);
  inference.render(out, prefix + "_inference_duration", "Seconds of it in batches, of " + of);
}

Metrics::Metrics()
    : input_length(powers(1, 2, 14)),
      batch_inputs(powers(1, 2, 13)),
      batch_tokens(powers(1, 2, 21)),
      batch_fill({0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}),
      batch_seconds(times()) {}

std::string Metrics::render(const std::vector<Gauge>& gauges) const {
  std::string out;
  requests.render(out, "te_request_count", "Requests with good inputs for a model, whatever became of them");
  successes.render(out, "te_request_success", "Those that were answered");
  failures.render(out, "te_request_failure", "Requests to any route that failed, by reason; dropped: the client left");
  append_counter(out, "te_embed_count", embeds, "Inputs of requests for embeddings");
  append_counter(out, "te_embed_success", embeds_good, "Those that were answered");
  append_counter(out, "te_predict_count", predicts, "Inputs of requests for anything else");
  append_counter(out, "te_predict_success", predicts_good, "Those that were answered");
  request.render(out, "te_request", "all requests that a model answered");
  embed.render(out, "te_embed", "those for embeddings");
  predict.render(out, "te_predict", "those for anything else");
  input_length.render(out, "te_request_input_length", "Tokens of an input");
  batch_inputs.render(out, "te_batch_next_size", "Inputs of a batch");
  batch_tokens.render(out, "te_batch_next_tokens", "Tokens of a batch");
  http.render(out, "berth_http_requests_total", "Requests by route, method and status; gone: the client left");
  protocol_errors.render(out, "berth_http_refused_total", "Requests that were refused before they were read, by status");
  batch_fill.render(out, "berth_batch_fill", "Tokens of a batch over the limit of a batch");
  batch_seconds.render(out, "berth_batch_seconds", "Seconds that a batch ran");
  append_counter(out, "berth_inputs_total", inputs, "Inputs that were answered");
  append_counter(out, "berth_tokens_total", tokens, "Tokens of these");
  append_counter(out, "berth_truncated_inputs_total", truncated, "Inputs that were cut to the model's limit");
  append_counter(out, "berth_cache_hits_total", cache_hits, "Inputs whose result was kept");
  append_counter(out, "berth_cache_misses_total", cache_misses, "Inputs whose result was not, where there is a cache");
  append_counter(out, "berth_cache_evictions_total", cache_evictions, "Results that made room for others");
  reloads.render(out, "berth_reloads_total", "Models and profiles that were loaded again, by result");
  for (const Gauge& gauge : gauges) {
    head(out, gauge.name, "gauge", gauge.help);
    append_sample(out, gauge.name, "", gauge.value);
  }
  return out;
}

}  // namespace berth::server
