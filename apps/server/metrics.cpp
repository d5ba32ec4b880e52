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
  if (!help.empty()) out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void counter(std::string& out, std::string_view name, std::uint64_t value, std::string_view help = "") {
  head(out, name, "counter", help);
  append_sample(out, name, "", value);
}

}  // namespace

void append_sample(std::string& out, std::string_view name, std::string_view labels, double value) { append_line(out, name, labels, number(value)); }
void append_sample(std::string& out, std::string_view name, std::string_view labels, std::uint64_t value) { append_line(out, name, labels, number(value)); }

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

void Histogram::render(std::string& out, const std::string& name, const std::string& labels) const {
  if (labels.empty()) head(out, name, "histogram", "");
  const std::string more = labels.empty() ? "" : labels + ",";
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    all += counts_[i].load(std::memory_order_relaxed);
    append_sample(out, name + "_bucket", more + "le=\"" + (i < bounds_.size() ? number(bounds_[i]) : "+Inf") + "\"", all);
  }
  append_sample(out, name + "_sum", labels, sum());
  append_sample(out, name + "_count", labels, all);
}

void Counters::add(const std::string& labels, std::uint64_t amount) {
  const std::lock_guard lock(mutex_);
  counts_[labels] += amount;
}

std::map<std::string, std::uint64_t> Counters::values() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Counters::render(std::string& out, const std::string& name) const {
  head(out, name, "counter", "");
  for (const auto& [labels, count] : values()) append_sample(out, name, labels, count);
}

StageTimes::StageTimes() : total(times()), tokenization(times()), queue(times()), inference(times()) {}

void StageTimes::observe(double total_, double tokenization_, double queue_, double inference_) noexcept {
  total.observe(total_);
  tokenization.observe(tokenization_);
  queue.observe(queue_);
  inference.observe(inference_);
}

void StageTimes::render(std::string& out, const std::string& prefix) const {
  total.render(out, prefix + "_duration");
  tokenization.render(out, prefix + "_tokenization_duration");
  queue.render(out, prefix + "_queue_duration");
  inference.render(out, prefix + "_inference_duration");
}

Metrics::Metrics()
    : input_length(powers(1, 2, 14)),
      batch_inputs(powers(1, 2, 13)),
      batch_tokens(powers(1, 2, 21)),
      batch_fill({0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}),
      batch_seconds(times()) {}

std::string Metrics::render(const std::vector<Gauge>& gauges) const {
  std::string out;
  requests.render(out, "te_request_count");
  successes.render(out, "te_request_success");
  failures.render(out, "te_request_failure");
  counter(out, "te_embed_count", embeds);
  counter(out, "te_embed_success", embeds_good);
  counter(out, "te_predict_count", predicts);
  counter(out, "te_predict_success", predicts_good);
  request.render(out, "te_request");
  embed.render(out, "te_embed");
  predict.render(out, "te_predict");
  input_length.render(out, "te_request_input_length");
  batch_inputs.render(out, "te_batch_next_size");
  batch_tokens.render(out, "te_batch_next_tokens");
  http.render(out, "berth_http_requests_total");
  protocol_errors.render(out, "berth_http_refused_total");
  batch_fill.render(out, "berth_batch_fill");
  batch_seconds.render(out, "berth_batch_seconds");
  counter(out, "berth_inputs_total", inputs, "Inputs that were answered");
  counter(out, "berth_tokens_total", tokens, "Tokens of these");
  counter(out, "berth_truncated_inputs_total", truncated, "Inputs that were cut to the model's limit");
  counter(out, "berth_cache_hits_total", cache_hits);
  counter(out, "berth_cache_misses_total", cache_misses);
  counter(out, "berth_cache_evictions_total", cache_evictions);
  reloads.render(out, "berth_reloads_total");
  for (const Gauge& gauge : gauges) {
    head(out, gauge.name, "gauge", gauge.help);
    append_sample(out, gauge.name, "", gauge.value);
  }
  return out;
}

}  // namespace berth::server
