// From a job that has run to its response, and what is counted then.
#include <algorithm>
#include <numeric>

#include "apps/server/json_out.hpp"
#include "apps/server/work.hpp"

namespace berth::server {
namespace {

std::size_t count_truncated(const Job& job) {
  return static_cast<std::size_t>(std::count_if(job.items.begin(), job.items.end(), [](const Item& item) { return item.truncated; }));
}

}  // namespace

std::string method_label(const Job& job) { return job.items.size() == 1 ? "method=\"single\"" : "method=\"batch\""; }

Response answered(Service& service, Job& job, const std::function<Response(Job&)>& answer) {
  if (job.failure && job.fails_as) throw Failure(*job.fails_as, job.failure->what(), job.failure->reason());
  if (job.failure) throw *job.failure;
  Metrics& counts = service.metrics();
  job.tokens = 0;
  for (const Item& item : job.items) {
    job.tokens += item.tokens;
    counts.input_length.observe(static_cast<double>(item.tokens));
  }
  Response response = answer(job);
  const bool embedded = embeds(job.lane.task);
  counts.successes.add(method_label(job));
  (embedded ? counts.embeds_good : counts.predicts_good).fetch_add(job.items.size());
  job.call->inputs.fetch_add(job.items.size());
  job.call->tokens.fetch_add(job.tokens);
  counts.inputs.fetch_add(job.items.size());
  counts.tokens.fetch_add(job.tokens);
  counts.truncated.fetch_add(count_truncated(job));
  service.drift().observe(job);
  const double total = seconds(Clock::now() - job.call->received), tokenization = seconds(job.tokenization), queue = seconds(job.queued),
               inference = seconds(job.inference);
  counts.request.observe(total, tokenization, queue, inference);
  (embedded ? counts.embed : counts.predict).observe(total, tokenization, queue, inference);
  return response;
}

Response computed_response(const Job& job, std::string body) {
  const auto milliseconds = [](std::chrono::nanoseconds time) { return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()); };
  Response response = json_response(std::move(body));
  Headers& headers = response.headers;
  headers.emplace_back("x-compute-type", "cpu");
  headers.emplace_back("x-compute-time", milliseconds(Clock::now() - job.call->received));
  headers.emplace_back("x-compute-characters", std::to_string(job.characters));
  headers.emplace_back("x-compute-tokens", std::to_string(job.tokens));
  headers.emplace_back("x-total-time", milliseconds(Clock::now() - job.call->received));
  headers.emplace_back("x-tokenization-time", milliseconds(job.tokenization));
  headers.emplace_back("x-queue-time", milliseconds(job.queued));
  headers.emplace_back("x-inference-time", milliseconds(job.inference));
  headers.emplace_back("x-truncated-inputs", std::to_string(count_truncated(job)));
  if (job.lane.windows)
    headers.emplace_back("x-compute-windows", std::to_string(std::accumulate(job.items.begin(), job.items.end(), std::size_t{0},
                                                                             [](std::size_t sum, const Item& item) { return sum + item.windows; })));
  return response;
}

Response list_response(const Job& job, const std::string& data) {
  std::string text = "{\"object\":\"list\",\"data\":" + data + ",\"model\":";
  base::append_string(text, job.lane.model->name);
  const std::string tokens = std::to_string(job.tokens);
  text.append(",\"usage\":{\"prompt_tokens\":").append(tokens).append(",\"total_tokens\":").append(tokens).append("}}");
  return computed_response(job, std::move(text));
}

}  // namespace berth::server
