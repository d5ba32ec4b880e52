#include "apps/server/work.hpp"

#include <algorithm>
#include <cmath>

#include "apps/server/json_out.hpp"
#include "base/utf8.hpp"

namespace berth::server {
namespace {

constexpr std::size_t kCharactersAToken = 250;  // TEI's: more than so many a token of the limit are not even tokenized
constexpr std::size_t kLargeResponse = 65536;   // is written by a worker, not by the connection's thread
constexpr std::size_t kDigits = 13;             // of a float in JSON, about

std::string plural_limit(std::size_t limit, const char* what, std::size_t given) {
  return "`inputs` must have less than " + std::to_string(limit) + " " + what + ". Given: " + std::to_string(given);
}

// The text that goes before every text, if any. Failure where the model has no prompt of that name.
std::optional<std::string> prompt_of(const ServerOptions& options, const ServedModel& model, const std::optional<std::string>& asked) {
  const std::optional<std::string>& name = asked ? asked : options.default_prompt_name;
  if (name) {
    const auto found = model.prompts.find(*name);
    if (found != model.prompts.end()) return found->second;
    std::string names;
    for (const auto& each : model.prompts) names += (names.empty() ? "" : ", ") + each.first;
    fail_validation("`prompt_name`: the model has no prompt `" + *name + "`; it has " + (names.empty() ? "none" : names));
  }
  return options.default_prompt ? options.default_prompt : model.default_prompt;
}

// The library needs the text itself, not its ids.
bool needs_text(Task task) {
  return task == Task::tag || task == Task::fill_mask || task == Task::zero_shot || task == Task::late_rerank || task == Task::profile ||
         task == Task::answer || task == Task::embed_chunks;
}
bool has_windows(const Lane& lane) {
  const bool grouped = lane.task == Task::tag && !lane.aggregation.empty() && lane.aggregation != "none";
  return lane.task == Task::embed || lane.task == Task::embed_chunks || lane.task == Task::classify || lane.task == Task::rerank || grouped;
}

// What a text is taken for in its share of a batch until it is tokenized, which the library does as the batch runs. `limit` 0: none.
std::uint32_t about_tokens(std::size_t bytes, std::size_t limit) {
  constexpr std::size_t kBytesAToken = 4, kSpecial = 2;
  const std::size_t tokens = bytes / kBytesAToken + kSpecial;
  return static_cast<std::uint32_t>(limit == 0 ? tokens : std::min(tokens, limit));
}

// Of a pair whose longer text runs as windows with the other in each of them, half a window or more of the text new in each.
std::uint32_t about_window_tokens(std::size_t bytes, std::size_t pair_bytes, std::size_t limit) {
  const std::size_t shorter = about_tokens(std::min(bytes, pair_bytes), 0), longer = about_tokens(std::max(bytes, pair_bytes), 0);
  if (shorter + longer <= limit) return static_cast<std::uint32_t>(shorter + longer);
  const std::size_t step = std::max<std::size_t>(1, (shorter < limit ? limit - shorter : 0) / 2);
  return static_cast<std::uint32_t>(std::min<std::size_t>((longer + step - 1) / step * limit, 1U << 30));
}

}  // namespace

TextPolicy read_text_policy(const Service& service, const Fields& fields) {
  TextPolicy policy;
  policy.truncate = fields.boolean("truncate", service.options().auto_truncate);
  const std::string direction = base::lower_ascii(fields.maybe_string("truncation_direction").value_or("right"));
  if (direction != "left" && direction != "right") fields.reject("truncation_direction", "`Left` or `Right`");
  policy.left = direction == "left";
  policy.prompt_name = fields.maybe_string("prompt_name");
  const std::string role = fields.maybe_string("role").value_or("document");
  if (role != "query" && role != "document") fields.reject("role", "`query` or `document`");
  policy.query = role == "query";
  if (const auto mode = fields.maybe_string("long_text")) {
    if (*mode != "truncate" && *mode != "error" && *mode != "window") fields.reject("long_text", "`truncate`, `error` or `window`");
    if (fields.find("truncate") != nullptr) fail_validation("`long_text` and `truncate` say the same: only one of them");
    policy.truncate = *mode != "error";
    policy.windows = *mode == "window";
  }
  policy.stride = fields.maybe_size("stride").value_or(0);
  policy.window_scores = fields.maybe_string("window_scores").value_or("");
  if (!policy.window_scores.empty() && policy.window_scores != "mean" && policy.window_scores != "max") fields.reject("window_scores", "`mean` or `max`");
  for (const char* key : {"stride", "window_scores"})
    if (!policy.windows && fields.find(key) != nullptr) fail_validation("`" + std::string(key) + "` goes with `long_text`: `window`");
  return policy;
}

Work::Work(Service& service, CallPointer call, ErrorStyle style, Lane lane, TextPolicy policy)
    : service_(service), style_(style), policy_(std::move(policy)), job_(std::make_shared<Job>()), begin_(Clock::now()) {
  job_->call = std::move(call);
  set_lane(std::move(lane));
}

void Work::set_lane(Lane lane) {
  if (policy_.windows && !has_windows(lane))
    fail_validation("`long_text`: windows are for one embedding of a text, for labels, for a cross-encoder's scores, and for tags with an aggregation");
  lane.windows = policy_.windows || lane.task == Task::answer;  // whose contexts run as windows in any case
  lane.stride = policy_.stride;
  lane.window_scores = policy_.window_scores;
  if (embeds(lane.task)) {
    lane.prompt = prompt_of(service_.options(), *lane.model, policy_.prompt_name);
    if (lane.prompt && lane.prompt->empty()) lane.prompt.reset();
    lane.for_query = policy_.query && lane.model->routes_queries;
    if (lane.for_query && lane.task == Task::embed_tokens) fail_validation("`role`: the model for queries gives no vectors of tokens");
    lane.refuses_long = (lane.for_query || lane.task == Task::embed_chunks) && !policy_.truncate;
    prompt_ = lane.prompt.value_or("");
  }
  lane.echo = service_.options().echo;
  job_->lane = std::move(lane);
  job_->lane_key = job_->lane.key();
}

void Work::expect(std::size_t inputs, std::size_t extra) const {
  if (inputs == 0) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
  const std::size_t limit = service_.options().max_client_batch;
  if (inputs + extra > limit)
    throw Failure(FailureKind::validation,
                  "Input validation error: batch size " + std::to_string(inputs + extra) + " > maximum allowed batch size " + std::to_string(limit),
                  "batch_size");
}

void Work::add(const Text& text) {
  Item item;
  if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&text)) {
    item.ids = *ids;
    if (item.ids.empty()) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
    if (needs_text(job_->lane.task)) fail_validation("this route takes texts, not token ids");
  } else {
    item.text = std::get<std::string>(text);
    if (item.text.empty()) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
  }
  add(std::move(item));
}

void Work::add(PairText text) {
  Item item;
  item.text = std::move(text.text);
  item.pair = std::move(text.pair);
  if (item.text.empty() && !item.pair) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
  add(std::move(item));
}

void Work::add(ChunkedText text) {
  Item item;
  item.text = std::move(text.text);
  item.spans = std::move(text.spans);
  if (item.text.empty()) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
  add(std::move(item));
}

void Work::add(Item item) {
  std::string key;
  job_->characters += base::count_code_points(item.text) + (item.pair ? base::count_code_points(*item.pair) : 0);
  if (!find_cached(item, key)) {
    if (!item.ids.empty()) {
      check_ids(item);
    } else {
      prepare(item);
    }
  }
  job_->tokens += item.tokens;
  job_->items.push_back(std::move(item));
  cache_keys_.push_back(std::move(key));
}

bool Work::find_cached(Item& item, std::string& key) {
  if (!service_.cache().enabled() || job_->lane.echo) return false;
  key = job_->lane_key + (policy_.left ? "L" : "R") + (item.ids.empty() ? (item.pair ? "P" : "T") : "I");
  if (!item.ids.empty()) {
    key.append(reinterpret_cast<const char*>(item.ids.data()), item.ids.size() * sizeof(std::int32_t));
  } else {
    const std::size_t size = item.text.size();
    key.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(item.text).append(item.pair.value_or(""));
    key.append(reinterpret_cast<const char*>(item.spans.data()), item.spans.size() * sizeof(Span));
  }
  std::optional<Cache::Entry> entry = service_.cache().find(key);
  if (!entry || (entry->truncated && !policy_.truncate)) return false;
  item.cached = true;
  item.result = std::move(entry->result);
  item.tokens = entry->tokens;
  item.windows = entry->windows;
  item.truncated = entry->truncated;
  return true;
}

void Work::check_ids(Item& item) const {
  const ServedModel& model = *job_->lane.model;
  const std::size_t vocabulary = job_->lane.for_query ? model.vocab_size_queries : model.vocab_size, limit = max_length();
  for (const std::int32_t id : item.ids)
    if (static_cast<std::size_t>(id) >= vocabulary)
      fail_validation("`inputs` has the token id " + std::to_string(id) + ", but the model has " + std::to_string(vocabulary));
  if (item.ids.size() > limit) {
    if (policy_.windows) fail_validation("`long_text`: ids run as they are, and the model takes " + std::to_string(limit));
    if (!policy_.truncate) fail_validation(plural_limit(limit, "tokens", item.ids.size()));
    const auto cut = static_cast<std::ptrdiff_t>(item.ids.size() - limit);
    if (policy_.left) {
      item.ids.erase(item.ids.begin(), item.ids.begin() + cut);
    } else {
      item.ids.erase(item.ids.end() - cut, item.ids.end());
    }
    item.truncated = true;
  }
  item.tokens = static_cast<std::uint32_t>(item.ids.size());
}

std::size_t Work::max_length() const noexcept { return job_->lane.for_query ? job_->lane.model->max_length_queries : job_->lane.model->max_length; }

void Work::limit_characters(std::string& text) const {
  const std::size_t limit = max_length() * kCharactersAToken;
  if (text.size() <= limit) return;
  const std::size_t count = base::count_code_points(text);
  if (count <= limit) return;
  if (!policy_.truncate) fail_validation(plural_limit(limit, "characters", count));
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  if (policy_.left) {
    std::size_t at = text.size();
    for (std::size_t left = limit; left > 0; --left) do
        --at;
      while (!begins(text[at]));
    text.erase(0, at);
  } else {
    std::size_t at = 0;
    for (std::size_t left = limit; left > 0; --left) do
        ++at;
      while (at < text.size() && !begins(text[at]));
    text.resize(at);
  }
}

Encoding Work::tokenize(Item& item, const Input& input) {
  const ServedModel& model = *job_->lane.model;
  TokenizeOptions options;
  options.truncate_left = policy_.left;
  Encoding encoding = model.model->tokenize(input, options);
  item.tokens = static_cast<std::uint32_t>(encoding.size());
  if (encoding.truncated()) {
    if (!policy_.truncate) fail_validation(plural_limit(model.max_length, "tokens", model.tokenizer->tokenize(input).size()));
    item.truncated = true;
  }
  return encoding;
}

void Work::prepare(Item& item) {
  const Lane& lane = job_->lane;
  const ServedModel& model = *lane.model;
  const std::size_t bytes = item.text.size() + (item.pair ? item.pair->size() : 0);
  if (lane.task == Task::profile) {  // its rules see all of a text
    if (model.windows && bytes > model.max_length * kCharactersAToken)
      fail_validation(plural_limit(model.max_length * kCharactersAToken, "bytes, as the profile runs long texts as windows", bytes));
    item.tokens = about_tokens(bytes, model.windows ? 0 : model.max_length);
    return;
  }
  if (lane.task == Task::embed_chunks && bytes > max_length() * kCharactersAToken)  // its stretches are places of the whole
    fail_validation(plural_limit(max_length() * kCharactersAToken, "bytes", bytes));
  limit_characters(item.text);
  if (item.pair) limit_characters(*item.pair);
  item.truncated = bytes != item.text.size() + (item.pair ? item.pair->size() : 0);
  // A prompt that the pooling leaves out has to be known as one; else it is the beginning of the text. Queries may have a tokenizer of their own.
  const bool as_text = needs_text(lane.task) || lane.windows || lane.for_query || (!prompt_.empty() && !model.pools_prompts);
  const std::string prompted = prompt_.empty() ? std::string() : prompt_ + item.text;
  const std::string& text = prompt_.empty() ? item.text : prompted;
  const Input input = item.pair ? Input(text, *item.pair) : Input(text);
  if (!as_text) {
    const Encoding encoding = tokenize(item, input);
    item.ids.assign(encoding.ids().begin(), encoding.ids().end());
    item.type_ids.assign(encoding.type_ids().begin(), encoding.type_ids().end());
    return;
  }
  const std::uint32_t times = lane.task == Task::zero_shot ? static_cast<std::uint32_t>(std::max<std::size_t>(1, lane.names.size())) : 1;
  const bool right_only = lane.for_query || lane.task == Task::embed_chunks;
  if (right_only && policy_.left) fail_validation("`truncation_direction`: such texts are cut on the right only");
  if (!lane.windows && !right_only && (!policy_.truncate || policy_.left)) {
    tokenize(item, input);
    if (item.truncated && policy_.left)
      fail_validation("`truncation_direction`: texts of this task, and those with a prompt that the pooling leaves out, are cut on the right only");
  } else {
    item.tokens = about_tokens(bytes + prompt_.size(), lane.windows ? 0 : max_length());
    if (lane.windows && item.pair) item.tokens = about_window_tokens(item.text.size() + prompt_.size(), item.pair->size(), model.max_length);
  }
  item.tokens *= times;
}

// Every word in place of a mask comes with the whole text.
std::size_t Work::fill_mask_bytes() const {
  constexpr double kFill = 160;  // bytes of one, without its text
  const ServedModel& model = *job_->lane.model;
  const std::size_t words = job_->lane.top_k == 0 ? model.vocab_size : std::min(job_->lane.top_k, model.vocab_size);
  double bytes = 0;
  for (const Item& item : job_->items) {
    std::size_t masks = 0;
    if (!model.mask_text.empty())
      for (std::size_t at = item.text.find(model.mask_text); at != std::string::npos; at = item.text.find(model.mask_text, at + 1)) ++masks;
    if (masks == 0) masks = item.tokens;  // of ids, or called otherwise: no more than there are tokens
    masks = std::min(masks, model.max_length);
    bytes += static_cast<double>(masks) * static_cast<double>(words) * (kFill + 2 * static_cast<double>(item.text.size() + item.ids.size() * 8));
  }
  return static_cast<std::size_t>(std::min(bytes, 1e18));
}

std::size_t Work::result_bytes() const {
  const ServedModel& model = *job_->lane.model;
  if (job_->lane.task == Task::fill_mask) return fill_mask_bytes();
  std::size_t values = 0;
  switch (job_->lane.task) {
    case Task::embed: values = job_->items.size() * (job_->lane.dimensions == 0 ? model.embedding_size : job_->lane.dimensions); break;
    case Task::embed_chunks:
      for (const Item& item : job_->items) values += item.spans.size() * (8 + (job_->lane.dimensions == 0 ? model.embedding_size : job_->lane.dimensions));
      break;
    case Task::embed_tokens: values = job_->tokens * model.hidden_size; break;
    case Task::sparse: values = job_->tokens * 64; break;
    case Task::classify: values = job_->items.size() * (model.labels.size() * 3); break;
    case Task::zero_shot: values = job_->items.size() * (job_->lane.names.size() * 3); break;
    case Task::fill_mask: break;
    case Task::answer: values = (job_->characters / kDigits + job_->items.size() * 8) * (job_->lane.top_k + 1); break;
    case Task::rerank:
    case Task::late_rerank: values = job_->items.size(); break;
    case Task::profile: values = job_->items.size() * 32; break;
    case Task::tag: values = job_->tokens * 8; break;
  }
  return values * (sizeof(float) + kDigits);
}

void Work::submit(std::function<Response(Job&)> answer, std::optional<FailureKind> fails_as) {
  Job& job = *job_;
  job.fails_as = fails_as;
  Service& service = service_;
  Metrics& metrics = service.metrics();
  job.tokenization = Clock::now() - begin_;
  metrics.requests.add(method_label(job));
  (embeds(job.lane.task) ? metrics.embeds : metrics.predicts).fetch_add(job.items.size());
  if (service.shedding()) throw Failure(FailureKind::overloaded, "Model is overloaded: the memory limit is reached", "overloaded", 5);
  const std::size_t bytes = result_bytes();
  if (bytes > service.results().limit())
    fail_validation("the response would take about " + std::to_string(bytes >> 20) + " MB, more than the limit of " +
                    std::to_string(service.results().limit() >> 20) + ": send fewer inputs at once");
  job.call->result_share = Share(service.results());
  if (!job.call->result_share.grow_to(bytes)) throw Failure(FailureKind::overloaded, "Model is overloaded", "overloaded", 1);

  job.done = [&service, answer = std::move(answer), keys = std::move(cache_keys_), style = style_, bytes](Job& done) {
    const auto make = [&service, answer, style, pointer = done.shared_from_this()]() -> Response {
      return service.response_of(*pointer->call, style, [&]() -> Response { return answered(service, *pointer, answer); });
    };
    if (!done.failure && !done.lane.echo)
      for (std::size_t i = 0; i < done.items.size(); ++i)
        if (!keys[i].empty() && !done.items[i].cached && done.items[i].result.model)
          service.cache().put(keys[i], {done.items[i].result, done.items[i].tokens, done.items[i].windows, done.items[i].truncated});
    if (bytes > kLargeResponse && !done.failure) {
      service.workers().post([make, pointer = done.shared_from_this()] {
        if (!pointer->call->abandoned()) pointer->call->respond(make());
      });
    } else {
      done.call->respond_with(make);
    }
  };
  job.call->on_abandon([&service, weak = std::weak_ptr<Job>(job_)] {
    if (const JobPointer abandoned = weak.lock()) service.scheduler().cancel(abandoned);
  });
  if (!service.scheduler().submit(job_))
    throw Failure(FailureKind::overloaded, "Model is overloaded", "overloaded",
                  static_cast<int>(std::clamp(std::ceil(service.scheduler().seconds_to_drain()), 1.0, 60.0)));
}

}  // namespace berth::server
