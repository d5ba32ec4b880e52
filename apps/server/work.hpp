// From a request's texts to a job of the scheduler, and from the job back to a response.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "apps/server/fields.hpp"
#include "apps/server/job.hpp"
#include "apps/server/service.hpp"

namespace berth::server {

// What a request says about long texts and prompts.
struct TextPolicy {
  bool truncate = true;
  bool left = false;
  bool windows = false;
  std::size_t stride = 0;
  std::string window_scores;
  std::optional<std::string> prompt_name;
  bool query = false;
};
// "truncate", "truncation_direction", "long_text", "stride", "window_scores", "prompt_name" and "role" of a request.
TextPolicy read_text_policy(const Service& service, const Fields& fields);

// A text and the stretches of it that are to be embedded.
struct ChunkedText {
  std::string text;
  std::vector<Span> spans;
};

class Work {
 public:
  Work(Service& service, CallPointer call, ErrorStyle style, Lane lane, TextPolicy policy);

  // Tokenizes, unless the library is to do that, and checks lengths. Failure or berth::Error where an input is at fault.
  void add(const Text& text);
  void add(PairText text);
  void add(ChunkedText text);
  // Checked before anything is tokenized.
  void expect(std::size_t inputs, std::size_t extra = 0) const;

  // Queues the job: `answer` makes the response when all results are there. Failure when the queue is full. `fails_as`: see Job.
  void submit(std::function<Response(Job&)> answer, std::optional<FailureKind> fails_as = std::nullopt);

 private:
  void set_lane(Lane lane);
  void add(Item item);
  bool find_cached(Item& item, std::string& key);
  void prepare(Item& item);
  Encoding tokenize(Item& item, const Input& input);
  std::size_t max_length() const noexcept;  // of the model that the texts run through
  void limit_characters(std::string& text) const;
  void check_ids(Item& item) const;
  std::size_t fill_mask_bytes() const;
  std::size_t result_bytes() const;

  Service& service_;
  const ErrorStyle style_;
  TextPolicy policy_;
  std::string prompt_;  // the text, where there is one
  std::shared_ptr<Job> job_;
  std::vector<std::string> cache_keys_;
  Clock::time_point begin_;
};

// What `answer` makes of a job that has run, counted in the metrics. Throws the job's failure.
Response answered(Service& service, Job& job, const std::function<Response(Job&)>& answer);
std::string method_label(const Job& job);  // of the metrics: method="single" or "batch"

// A job's answer: JSON, with x-compute-time and its kin.
Response computed_response(const Job& job, std::string body);

// The same in OpenAI's manner: {"object":"list","data":DATA,"model":…,"usage":{…}}
Response list_response(const Job& job, const std::string& data);

}  // namespace berth::server
