// Embeddings: TEI's routes and OpenAI's.
#include <bit>
#include <cstring>
#include <limits>

#include "apps/common/scores.hpp"
#include "apps/server/json_out.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/work.hpp"
#include "base/base64.hpp"
#include "base/utf8.hpp"

namespace berth::server {
namespace {

std::string text_of(const std::optional<std::string>& name) { return name.value_or(""); }

// TEI's `normalize` decides alone; what the directory's own modules normalise is not normalised again, so that the bits are those of the command line.
Lane embed_lane(Service& service, ModelPointer model, bool query, bool normalize, std::optional<std::size_t> dimensions) {
  if (!model->model) fail_model_type("a profile gives labels: /v1/classify");
  if ((model->vector_kinds & BERTH_DENSE) == 0) fail_model_type("the model gives no sentence embeddings: /embed_sparse or a reranking route");
  if (service.options().tei_strict && model->kind != ModelKind::embedding) fail_model_type("Model is not an embedding model");
  Lane lane;
  lane.task = Task::embed;
  lane.dimensions = dimensions.value_or(0);
  if (dimensions && (*dimensions == 0 || *dimensions > model->embedding_size))
    fail_validation("`dimensions` must be from 1 to " + std::to_string(model->embedding_size) + ". Given: " + std::to_string(*dimensions));
  if (lane.dimensions == model->embedding_size) lane.dimensions = 0;
  const bool normalizes = query ? model->normalizes_queries : model->normalizes;
  lane.normalize = normalize && (!normalizes || lane.dimensions != 0);
  lane.keep_lengths = !normalize && normalizes;
  lane.model = std::move(model);
  return lane;
}

Response embeddings_response(Job& job) {
  std::string body;
  append_list(body, job.items, [&](const Item& item) { base::append_array(body, item.result.values); });
  return computed_response(job, std::move(body));
}

void add_all(Work& work, const Inputs& inputs) {
  work.expect(inputs.texts.size());
  for (const Text& text : inputs.texts) work.add(text);
}

std::string base64_of(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little);
  return base::encode_base64({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

// "spans": [[begin, end], …] in code points of the text.
std::vector<Span> read_spans(const Fields& fields) {
  const std::string expected = "an array of [begin, end]";
  const base::Json& list = fields.required("spans");
  if (!list.is_array()) fields.reject("spans", expected);
  std::vector<Span> spans;
  spans.reserve(list.size());
  for (const base::Json& each : list) {
    if (!each.is_array() || each.size() != 2 || !each[0].is_number_unsigned() || !each[1].is_number_unsigned())
      fields.reject("spans", expected + " in whole numbers from 0, which entry " + std::to_string(spans.size()) + " is not");
    const auto begin = each[0].get<std::uint64_t>(), end = each[1].get<std::uint64_t>();
    if (begin > end || end > std::numeric_limits<std::uint32_t>::max())
      fail_validation("`spans`: " + std::to_string(begin) + " to " + std::to_string(end) + " is no stretch of a text");
    spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }
  return spans;
}

void check_spans(const ChunkedText& text, std::size_t index) {
  const std::size_t length = base::count_code_points(text.text);
  for (const Span& span : text.spans)
    if (span.end > length)
      fail_validation("`spans` of input " + std::to_string(index) + ": " + std::to_string(span.begin) + " to " + std::to_string(span.end) +
                      " goes beyond the text's " + std::to_string(length) + " code points");
}

}  // namespace

void handle_embed(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Inputs inputs = read_inputs(fields, "inputs");
  const TextPolicy policy = read_text_policy(service, fields);
  const bool normalize = fields.boolean("normalize", true);
  Work work(service, call, ErrorStyle::tei, embed_lane(service, service.model(fields), policy.query, normalize, fields.maybe_size("dimensions")), policy);
  add_all(work, inputs);
  work.submit(embeddings_response);
}

void handle_embed_all(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Inputs inputs = read_inputs(fields, "inputs");
  Lane lane;
  lane.task = Task::embed_tokens;
  lane.model = service.model(fields);
  if (!lane.model->model) fail_model_type("a profile gives labels: /v1/classify");
  const std::size_t size = lane.model->hidden_size;
  Work work(service, call, ErrorStyle::tei, std::move(lane), read_text_policy(service, fields));
  add_all(work, inputs);
  work.submit([size](Job& job) {
    std::string text;
    append_list(text, job.items, [&](const Item& item) { base::append_matrix(text, item.result.values, size); });
    return computed_response(job, std::move(text));
  });
}

void handle_embed_sparse(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Inputs inputs = read_inputs(fields, "inputs");
  Lane lane;
  lane.task = Task::sparse;
  lane.model = service.model(fields);
  if ((lane.model->vector_kinds & BERTH_SPARSE) == 0) fail_model_type("the model gives no sparse vectors");
  Work work(service, call, ErrorStyle::tei, std::move(lane), read_text_policy(service, fields));
  add_all(work, inputs);
  work.submit([](Job& job) {
    std::string text;
    append_list(text, job.items, [&](const Item& item) { text += item.result.json; });
    return computed_response(job, std::move(text));
  });
}

void handle_embed_chunks(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  std::vector<ChunkedText> texts;
  std::size_t stretches = 0;
  const auto add = [&](const Fields& each, const char* key) {
    ChunkedText text{each.string(key), read_spans(each)};
    check_spans(text, texts.size());
    stretches += text.spans.size();
    texts.push_back(std::move(text));
  };
  const base::Json& inputs = fields.required("inputs");
  if (inputs.is_array()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) add(Fields(inputs[i], "inputs[" + std::to_string(i) + "]"), "text");
  } else if (inputs.is_object()) {
    add(Fields(inputs, "inputs"), "text");
  } else {
    add(fields, "inputs");
  }
  const TextPolicy policy = read_text_policy(service, fields);
  const bool normalize = fields.boolean("normalize", true);
  Lane lane = embed_lane(service, service.model(fields), policy.query, normalize, fields.maybe_size("dimensions"));
  lane.task = Task::embed_chunks;
  Work work(service, call, ErrorStyle::tei, std::move(lane), policy);
  work.expect(std::max(texts.size(), stretches));
  for (ChunkedText& text : texts) work.add(std::move(text));
  work.submit([](Job& job) {
    std::string text;
    append_list(text, job.items, [&](const Item& item) { text += item.result.json; });
    return computed_response(job, std::move(text));
  });
}

void handle_ollama_embed(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Inputs inputs = read_inputs(fields, "input");
  const TextPolicy policy = read_text_policy(service, fields);
  Work work(service, call, ErrorStyle::tei, embed_lane(service, service.model(fields), policy.query, true, fields.maybe_size("dimensions")), policy);
  add_all(work, inputs);
  work.submit([](Job& job) {
    std::string text = "{\"model\":";
    base::append_string(text, job.lane.model->name);
    text += ",\"embeddings\":";
    append_list(text, job.items, [&](const Item& item) { base::append_array(text, item.result.values); });
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - job.call->received).count();
    text.append(",\"total_duration\":").append(std::to_string(nanoseconds)).append(",\"load_duration\":0,\"prompt_eval_count\":");
    text.append(std::to_string(job.tokens)).append("}");
    return computed_response(job, std::move(text));
  });
}

void handle_similarity(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Fields inputs(fields.required("inputs"), "inputs");
  const std::string source = inputs.string("source_sentence");
  std::vector<std::string> sentences = inputs.strings("sentences");
  static const base::Json kNone = base::Json::object();
  const base::Json* parameters = fields.find("parameters");
  const Fields more(parameters == nullptr ? kNone : *parameters, "parameters");
  const TextPolicy policy = read_text_policy(service, more);
  Work work(service, call, ErrorStyle::tei, embed_lane(service, service.model(fields), policy.query, true, std::nullopt), policy);
  work.expect(sentences.size(), 1);
  work.add(Text(source));
  for (std::string& sentence : sentences) work.add(Text(std::move(sentence)));
  work.submit([](Job& job) {
    std::string text;
    append_list(text, std::span(job.items).subspan(1),
                [&](const Item& item) { base::append_number(text, static_cast<float>(apps::cosine(job.items[0].result.values, item.result.values))); });
    return computed_response(job, std::move(text));
  });
}

void handle_openai_embeddings(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const Inputs inputs = read_inputs(fields, "input");
  const std::string format = text_of(fields.maybe_string("encoding_format"));
  if (!format.empty() && format != "float" && format != "base64") fields.reject("encoding_format", "`float` or `base64`");
  const bool base64 = format == "base64";
  const TextPolicy policy = read_text_policy(service, fields);
  Work work(service, call, ErrorStyle::openai, embed_lane(service, service.model(fields), policy.query, true, fields.maybe_size("dimensions")), policy);
  add_all(work, inputs);
  work.submit([base64](Job& job) {
    std::string text;
    std::size_t index = 0;
    append_list(text, job.items, [&](const Item& item) {
      text += "{\"object\":\"embedding\",\"embedding\":";
      if (base64) {
        text.append("\"").append(base64_of(item.result.values)).append("\"");
      } else {
        base::append_array(text, item.result.values);
      }
      text.append(",\"index\":").append(std::to_string(index++)).append("}");
    });
    return list_response(job, text);
  });
}

}  // namespace berth::server
