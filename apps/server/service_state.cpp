// What the service knows about itself: its memory, its batches, its metrics.
#include <algorithm>

#include "apps/server/service.hpp"
#include "base/memory.hpp"

namespace berth::server {

void Service::observe(const Scheduler::Batch& batch) {
  last_batch_failed_.store(batch.failed);
  metrics_.batch_inputs.observe(static_cast<double>(batch.inputs));
  metrics_.batch_tokens.observe(static_cast<double>(batch.tokens));
  metrics_.batch_fill.observe(static_cast<double>(batch.tokens) / static_cast<double>(options_.queue.batch_tokens));
  metrics_.batch_seconds.observe(seconds(batch.time));
  if (batch.error.empty()) return;
  // Each request says it to its client. Whoever operates the server has to know as well, but not a thousand times a second.
  constexpr std::chrono::seconds kPause{1};
  const Clock::time_point now = Clock::now();
  if (failure_logged_ && now - *failure_logged_ < kPause) return;
  failure_logged_ = now;
  log_.error("model failed", {{"model", batch.model}, {"error", batch.error}});
}

void Service::watch_memory() {
  if (options_.memory_limit == 0) return;
  const double used = static_cast<double>(resident_bytes()) / static_cast<double>(options_.memory_limit);
  const int state = used >= options_.refuse_at ? 3 : used >= options_.shed_cache_at ? 2 : used >= options_.report_at ? 1 : 0;
  if (state >= 2) {
    cache_.clear();
    base::return_free_memory();
  }
  refusing_.store(state == 3);
  if (state > memory_state_)
    log_.warning("memory", {{"of_limit", used}, {"action", state == 1 ? "none" : state == 2 ? "cache dropped" : "new requests refused"}});
  memory_state_ = state;
}

// The allocator keeps what was freed. Returning it takes milliseconds: when much of what is counted was let go, and now and then when memory has grown.
void Service::return_memory() {
  constexpr std::size_t kConnectionBytes = 4096, kMuch = std::size_t{8} << 20, kGrowth = std::size_t{32} << 20;
  constexpr std::chrono::seconds kPause{30};
  const std::size_t held = results_.used() + (server_ == nullptr ? 0 : server_->body_bytes() + server_->counts().connections.load() * kConnectionBytes);
  held_ = std::max(held_, held);
  const Clock::time_point now = Clock::now();
  const bool grown = now - returned_ > kPause && resident_bytes() > resident_ + kGrowth;
  if (held_ - held < kMuch && !grown) return;
  base::return_free_memory();
  held_ = held;
  resident_ = resident_bytes();
  returned_ = now;
}

std::string Service::metrics_text() {
  const QueueState queue = scheduler_.state();
  const auto number = [](std::size_t value) { return static_cast<double>(value); };
  std::vector<Gauge> gauges{
      {"te_queue_size", "Inputs that wait", number(queue.inputs)},
      {"berth_queue_tokens", "Tokens that wait", number(queue.tokens)},
      {"berth_queue_requests", "Requests with inputs that wait", number(queue.jobs)},
      {"berth_queue_tokens_limit", "Tokens that may wait", number(options_.queue.queue_tokens)},
      {"berth_batch_tokens_limit", "Tokens that run together", number(options_.queue.batch_tokens)},
      {"berth_cache_bytes", "Results that are kept", number(cache_.bytes())},
      {"berth_cache_entries", "How many these are", number(cache_.entries())},
      {"berth_models_bytes", "Weights of the loaded models", number(models_.loaded_bytes())},
      {"berth_result_bytes", "Responses that are made or written", number(results_.used())},
      {"berth_document_bytes", "What request bodies take while they are read, as estimated, of those that are large", number(documents_.used())},
      {"process_resident_memory_bytes", "Resident memory size in bytes.", number(resident_bytes())}};
  if (server_ != nullptr) {
    gauges.push_back({"berth_connections", "Open connections", number(server_->counts().connections.load())});
    gauges.push_back({"berth_body_bytes", "Request bodies in memory", number(server_->body_bytes())});
  }
  std::string text = metrics_.render(gauges);
  if (server_ != nullptr) {
    append_counter(text, "berth_connections_total", server_->counts().accepted, "Connections that were accepted, with those closed unread");
    append_counter(text, "berth_connections_refused_total", server_->counts().refused, "Connections that were closed unread: --max-connections, or no memory");
  }
  std::string profiles;
  for (const Models::Status& status : models_.status())
    if (status.profile && status.loaded)
      append_sample(profiles, "berth_profile_model", "profile=" + label_value(status.name), std::uint64_t{status.without_model ? 0U : 1U});
  if (!profiles.empty()) text.append("# HELP berth_profile_model 0: the profile works by its rules alone\n# TYPE berth_profile_model gauge\n").append(profiles);
  drift_.render(text);
  return text;
}

}  // namespace berth::server
