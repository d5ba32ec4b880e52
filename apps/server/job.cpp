#include "apps/server/job.hpp"

#include <cstring>

#include "apps/common/decision_json.hpp"
#include "apps/common/findings_json.hpp"
#include "apps/server/json_out.hpp"

namespace berth::server {
namespace {

// Rows together in one run inside a call: the library's own measure is right for any batch.
std::vector<Input> inputs_of(std::span<Item* const> items) {
  std::vector<Input> inputs;
  inputs.reserve(items.size());
  for (const Item* item : items) {
    if (!item->ids.empty()) {
      inputs.push_back(Input::from_ids(item->ids, item->type_ids));
    } else if (item->pair) {
      inputs.emplace_back(std::string_view(item->text), std::string_view(*item->pair));
    } else {
      inputs.emplace_back(std::string_view(item->text));
    }
  }
  return inputs;
}

// What the library says of the rows that it tokenized itself.
void take_rows(std::span<const Row> rows, std::span<Item* const> items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i]->ids.empty()) continue;
    items[i]->tokens = rows[i].tokens;
    items[i]->windows = rows[i].windows;
    items[i]->truncated |= rows[i].truncated != 0;
  }
}

void take(const Matrix& matrix, std::span<Item* const> items) {
  for (std::size_t i = 0; i < items.size(); ++i) items[i]->result.values.assign(matrix[i].begin(), matrix[i].end());
  take_rows(matrix.rows, items);
}

void run_sparse(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  VectorOptions options;
  options.kinds = BERTH_SPARSE;
  options.prompt = lane.prompt;
  options.query = lane.for_query;
  if (lane.refuses_long) options.long_text = "error";
  const Vectors vectors = lane.model->model->encode_vectors(inputs, options);
  take_rows(vectors.rows(), items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string& json = items[i]->result.json;
    json.clear();
    append_list(json, vectors.sparse(i), [&](const berth_sparse_value& value) {
      json += "{\"index\":";
      base::append_number(json, std::uint64_t{value.index});
      json += ",\"value\":";
      base::append_number(json, value.value);
      json += '}';
    });
  }
}

void run_tag(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  TagOptions options;
  options.aggregation = lane.aggregation;
  options.ignore_labels = lane.names;
  if (lane.windows) options.long_text = "window";
  options.stride = lane.stride;
  const Findings found = lane.model->model->tag(inputs, options);
  take_rows(found.rows(), items);
  const bool grouped = !lane.aggregation.empty() && lane.aggregation != "none";
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string& json = items[i]->result.json;
    json.clear();
    append_list(json, found[i], [&](const berth_finding& entity) { apps::append_entity(json, entity, grouped); });
  }
}

void run_fill_mask(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  FillMaskOptions options;
  options.top_k = lane.top_k;
  options.targets = lane.names;
  const Findings found = lane.model->model->fill_mask(inputs, options);
  take_rows(found.rows(), items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i]->result.json.clear();
    apps::append_fills(items[i]->result.json, found[i]);
  }
}

void run_tokens(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  RunOptions options;
  options.prompt = lane.prompt;
  const TokenEmbeddings embeddings = lane.model->model->encode_tokens(inputs, options);
  for (std::size_t i = 0; i < items.size(); ++i) items[i]->result.values.assign(embeddings[i].begin(), embeddings[i].end());
  take_rows(embeddings.embeddings().rows, items);
}

// Each of a text's stretches as {"start":b,"end":e,"tokens":n,"embedding":[…]}.
void run_chunks(const Lane& lane, const RunOptions& options, std::span<const Input> inputs, std::span<Item* const> items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    Item& item = *items[i];
    const Chunks chunks = lane.model->model->encode_chunks(inputs[i], item.spans, options);
    take_rows({&chunks.row, 1}, items.subspan(i, 1));
    std::string& json = item.result.json;
    json.clear();
    std::size_t chunk = 0;
    append_list(json, item.spans, [&](const Span& span) {
      json += "{\"start\":";
      base::append_number(json, std::uint64_t{span.begin});
      json += ",\"end\":";
      base::append_number(json, std::uint64_t{span.end});
      json += ",\"tokens\":";
      base::append_number(json, std::uint64_t{chunks.tokens[chunk]});
      json += ",\"embedding\":";
      base::append_array(json, chunks[chunk++]);
      json += '}';
    });
  }
}

void run_answer(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  AnswerOptions options;
  options.top_k = lane.top_k;
  options.max_answer_tokens = lane.max_answer_tokens;
  options.impossible = lane.impossible;
  options.stride = lane.stride;
  const Findings found = lane.model->model->answer(inputs, options);
  take_rows(found.rows(), items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i]->result.json.clear();
    apps::append_answers(items[i]->result.json, found[i], lane.top_k);
  }
}

void run_zero_shot(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  ZeroShotOptions options;
  options.hypothesis_template = lane.hypothesis_template;
  options.multi_label = lane.multi_label;
  take(lane.model->model->zero_shot(inputs, lane.names, options), items);
}

void run_profile(const Lane& lane, std::span<const Input> inputs, std::span<Item* const> items) {
  const Decisions decisions = lane.model->classifier->classify(inputs);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const berth_decision& decision = decisions[i];
    Result& result = items[i]->result;
    result.json.clear();
    apps::append_decision(result.json, decision);
    result.label = decisions.label(i);
    result.decided_by = apps::decided_by(decision);
    result.model = decision.model != 0;
    result.values.clear();
    if (decision.has_score != 0) result.values.push_back(decision.score);
  }
  take_rows(decisions.rows(), items);
}

// What a model that does nothing gives.
void run_echo(const Lane& lane, std::span<Item* const> items) {
  for (Item* item : items) {
    std::size_t size = lane.model->labels.size();
    if (lane.task == Task::embed) size = lane.dimensions == 0 ? lane.model->embedding_size : lane.dimensions;
    if (lane.task == Task::embed_tokens) size = item->tokens * lane.model->hidden_size;
    if (lane.task == Task::zero_shot) size = lane.names.size();
    if (lane.task == Task::late_rerank) size = 1;
    // Of as many digits as results have.
    item->result.values.resize(size);
    for (std::size_t i = 0; i < size; ++i) item->result.values[i] = 0.012345678F + static_cast<float>(i) * 1.37e-5F;
    item->result.json = lane.task == Task::profile ? "\"label\":null," : lane.task == Task::answer ? "\"answer\":null" : "[]";
  }
}

}  // namespace

std::string Lane::key() const {
  std::string key;
  const auto number = [&key](std::size_t value) { key.append(reinterpret_cast<const char*>(&value), sizeof(value)); };
  const auto text = [&](std::string_view value) {
    number(value.size());
    key += value;
  };
  number(static_cast<std::size_t>(task));
  number(model->generation);
  number((normalize ? 1U : 0U) + (keep_lengths ? 2U : 0U) + (raw_scores ? 4U : 0U) + (multi_label ? 8U : 0U) + (prompt ? 16U : 0U) + (echo ? 32U : 0U) +
         (windows ? 64U : 0U) + (for_query ? 128U : 0U) + (refuses_long ? 256U : 0U) + (impossible ? 512U : 0U));
  number(dimensions);
  number(top_k);
  number(max_answer_tokens);
  number(stride);
  text(window_scores);
  text(prompt.value_or(""));
  text(aggregation);
  text(hypothesis_template);
  text(query);
  for (const std::string& name : names) text(name);
  return key;
}

void run_items(const Lane& lane, std::span<Item* const> items) {
  if (lane.echo) return run_echo(lane, items);
  const std::vector<Input> inputs = inputs_of(items);
  const std::optional<Model>& model = lane.model->model;  // absent: a profile
  RunOptions options;
  options.normalize = lane.normalize;
  options.keep_lengths = lane.keep_lengths;
  options.truncate_dim = lane.dimensions;
  options.raw_scores = lane.raw_scores;
  if (lane.windows) options.long_text = "window";
  if (lane.refuses_long) options.long_text = "error";
  options.stride = lane.stride;
  options.window_scores = lane.window_scores;
  options.query = lane.for_query;
  if (lane.task == Task::embed || lane.task == Task::embed_chunks) options.prompt = lane.prompt;
  switch (lane.task) {
    case Task::embed: return take(model->encode(inputs, options), items);
    case Task::embed_tokens: return run_tokens(lane, inputs, items);
    case Task::embed_chunks: return run_chunks(lane, options, inputs, items);
    case Task::sparse: return run_sparse(lane, inputs, items);
    case Task::classify: return take(model->classify(inputs, options), items);
    case Task::rerank: return take(model->rerank(inputs, options), items);
    case Task::late_rerank: return take(model->rerank_late(Input(lane.query), inputs), items);
    case Task::tag: return run_tag(lane, inputs, items);
    case Task::fill_mask: return run_fill_mask(lane, inputs, items);
    case Task::zero_shot: return run_zero_shot(lane, inputs, items);
    case Task::answer: return run_answer(lane, inputs, items);
    case Task::profile: return run_profile(lane, inputs, items);
  }
}

}  // namespace berth::server
