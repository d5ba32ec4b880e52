// A request's work for a model: inputs that can run together with those of other requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/server/failure.hpp"
#include "apps/server/http.hpp"
#include "apps/server/served_model.hpp"

namespace berth::server {

enum class Task { embed, embed_tokens, embed_chunks, sparse, classify, rerank, late_rerank, tag, fill_mask, zero_shot, answer, profile };
inline bool embeds(Task task) noexcept { return task == Task::embed || task == Task::embed_tokens || task == Task::embed_chunks || task == Task::sparse; }

// All that inputs must have in common to run in one call of the library.
struct Lane {
  Task task = Task::embed;
  ModelPointer model;
  bool normalize = false, keep_lengths = false, raw_scores = false, multi_label = false;
  bool windows = false;       // long texts run as windows
  bool for_query = false;     // by the model that the directory has for queries
  bool refuses_long = false;  // the library fails for texts that it would cut
  std::size_t stride = 0;     // of these; 0: the library's
  std::string window_scores;  // likewise; empty
  std::size_t dimensions = 0, top_k = 0, max_answer_tokens = 0;
  bool impossible = false;            // that there is no answer is one, too
  std::optional<std::string> prompt;  // for inputs that run as texts
  std::string aggregation, hypothesis_template, query;
  std::vector<std::string> names;  // labels or targets
  bool echo = false;               // zeros in place of results: what the server itself costs

  // Equal keys, equal lanes; also a part of what a cached result is found by.
  std::string key() const;
};

// What came out for an input: values where the route writes them itself, else finished JSON.
struct Result {
  std::vector<float> values;
  std::string json;
  // Of a profile: `values` has the label's score, if it has one.
  std::string label, decided_by;
  bool model = true;  // whether the model took part
};

struct Item {
  std::string text;
  std::optional<std::string> pair;
  std::vector<Span> spans;                  // of Task::embed_chunks
  std::vector<std::int32_t> ids, type_ids;  // empty: the library tokenizes the text itself
  std::uint32_t tokens = 0;                 // of a text: about as many, until it has run
  std::uint32_t windows = 1;
  bool truncated = false;
  bool cached = false;
  Result result;
};

struct Job : std::enable_shared_from_this<Job> {
  CallPointer call;
  Lane lane;
  std::string lane_key;
  std::vector<Item> items;
  std::function<void(Job&)> done;  // on some thread, once: every item has its result, or `failure` says why not
  std::optional<Failure> failure;
  std::optional<FailureKind> fails_as;  // what a failure is called here, where it is not called by its own name

  std::size_t characters = 0, tokens = 0;
  std::chrono::nanoseconds tokenization{0}, queued{0}, inference{0};
  Clock::time_point submitted;

  // The scheduler's.
  std::vector<std::size_t> order;  // the items that are to run
  std::size_t next = 0;            // the first of them that was not taken
  std::size_t left = 0;            // that have no result yet
  std::size_t waiting_tokens = 0;  // of those that were not taken
  bool cancelled = false;
};
using JobPointer = std::shared_ptr<Job>;

// Runs items of one lane in one call. berth::Error where the library gives one: then none has a result.
void run_items(const Lane& lane, std::span<Item* const> items);

}  // namespace berth::server
