// Labels and reranking: TEI's routes, Jina's and Cohere's, and the aliases of hosting platforms.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "apps/common/scores.hpp"
#include "apps/server/json_out.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/work.hpp"

namespace berth::server {
namespace {

// As TEI scores any model with more than one label, whatever its problem_type says.
std::vector<float> softmax(const std::vector<float>& logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float value : logits) sum += std::exp(static_cast<double>(value - largest));
  std::vector<float> scores;
  for (const float value : logits) scores.push_back(static_cast<float>(std::exp(static_cast<double>(value - largest)) / sum));
  return scores;
}

void append_predictions(std::string& out, const std::vector<float>& scores, const std::vector<std::string>& labels) {
  append_list(out, apps::best(scores, 0), [&](std::size_t label) {
    out += "{\"score\":";
    base::append_number(out, scores[label]);
    out += ",\"label\":";
    base::append_string(out, labels[label]);
    out += '}';
  });
}

Lane rerank_lane(ModelPointer model, const std::string& query, bool raw_scores) {
  Lane lane;
  if (model->kind == ModelKind::reranker) {
    lane.task = Task::rerank;
    lane.raw_scores = raw_scores;
  } else if ((model->vector_kinds & BERTH_MULTI) != 0) {
    lane.task = Task::late_rerank;
    lane.query = query;
  } else {
    fail_model_type("Model is not a re-ranker model");
  }
  lane.model = std::move(model);
  return lane;
}

void add_pairs(Work& work, const Lane& lane, const std::string& query, const std::vector<std::string>& texts) {
  work.expect(texts.size());
  for (const std::string& text : texts) {
    if (lane.task == Task::late_rerank) {
      work.add(Text(text));
    } else {
      work.add(PairText{query, text});
    }
  }
}

// Indices of the texts, best first.
std::vector<std::size_t> ranked(const Job& job, std::vector<float>& scores) {
  for (const Item& item : job.items) scores.push_back(item.result.values.at(0));
  return apps::best(scores, 0);
}

const std::string& text_of(const Item& item) { return item.pair ? *item.pair : item.text; }

// The bodies of /vertex's instances, in place of the call's own.
std::vector<std::string> take_instances(Service& service, Call& call) {
  std::vector<std::string> bodies;
  {
    const Body body = service.read(call);
    const Fields fields(body.json());
    const base::Json& instances = fields.required("instances");
    if (!instances.is_array()) fields.reject("instances", "an array");
    const base::Json* name = fields.find("model");
    if (name != nullptr) service.model(fields);
    if (instances.size() > service.options().max_client_batch)
      fail_validation("batch size " + std::to_string(instances.size()) + " > maximum allowed batch size " + std::to_string(service.options().max_client_batch));
    for (const base::Json& instance : instances) {
      base::Json own = instance;
      if (name != nullptr && own.is_object() && own.value("model", base::Json()).is_null()) own["model"] = *name;
      bodies.push_back(own.dump());
    }
  }
  std::string().swap(call.request.body);
  return bodies;
}

// One of them.
void handle_instance(Service& service, const CallPointer& call) {
  const bool reranks = [&] {
    const Body body = service.read(*call);
    return body.json().contains("query") && body.json().contains("texts");
  }();
  return reranks ? handle_rerank(service, call) : handle_by_model(service, call);
}

}  // namespace

void handle_predict(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  PairInputs inputs = read_pair_inputs(fields, "inputs");
  Lane lane;
  lane.task = Task::classify;
  lane.model = service.model(fields);
  if (lane.model->kind != ModelKind::classifier && lane.model->kind != ModelKind::reranker) fail_model_type("Model is not a classifier model");
  const bool raw = fields.boolean("raw_scores", false);
  const bool strict = service.options().tei_strict && lane.model->labels.size() > 1;
  lane.raw_scores = raw || strict;
  const ModelPointer model = lane.model;
  Work work(service, call, ErrorStyle::tei, std::move(lane), read_text_policy(service, fields));
  work.expect(inputs.texts.size());
  for (PairText& text : inputs.texts) work.add(std::move(text));
  work.submit([model, single = inputs.single, softmaxed = strict && !raw](Job& job) {
    std::string text;
    const auto append = [&](const Item& item) { append_predictions(text, softmaxed ? softmax(item.result.values) : item.result.values, model->labels); };
    if (single) {
      append(job.items.front());
    } else {
      append_list(text, job.items, append);
    }
    return computed_response(job, std::move(text));
  });
}

void handle_rerank(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const std::string query = fields.string("query");
  const std::vector<std::string> texts = fields.strings("texts");
  const bool return_text = fields.boolean("return_text", false);
  const Lane lane = rerank_lane(service.model(fields), query, fields.boolean("raw_scores", false));
  Work work(service, call, ErrorStyle::tei, lane, read_text_policy(service, fields));
  add_pairs(work, lane, query, texts);
  work.submit([return_text](Job& job) {
    std::vector<float> scores;
    std::string text;
    append_list(text, ranked(job, scores), [&](std::size_t index) {
      text.append("{\"index\":").append(std::to_string(index));
      if (return_text) {
        text += ",\"text\":";
        base::append_string(text, text_of(job.items[index]));
      }
      text += ",\"score\":";
      base::append_number(text, scores[index]);
      text += '}';
    });
    return computed_response(job, std::move(text));
  });
}

void handle_jina_rerank(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const std::string query = fields.string("query");
  std::vector<std::string> texts;
  const base::Json& documents = fields.required("documents");
  constexpr const char* kExpected = "an array of strings, or of objects with \"text\"";
  if (!documents.is_array()) fields.reject("documents", kExpected);
  for (const base::Json& document : documents) {
    const bool object = document.is_object() && document.contains("text") && document["text"].is_string();
    if (!document.is_string() && !object) fields.reject("documents", kExpected);
    texts.push_back((object ? document["text"] : document).get<std::string>());
  }
  const std::size_t top_n = fields.maybe_size("top_n").value_or(0);
  const bool return_documents = fields.boolean("return_documents", false);
  const Lane lane = rerank_lane(service.model(fields), query, false);
  Work work(service, call, ErrorStyle::openai, lane, read_text_policy(service, fields));
  add_pairs(work, lane, query, texts);
  work.submit([top_n, return_documents, model = lane.model](Job& job) {
    std::vector<float> scores;
    std::vector<std::size_t> order = ranked(job, scores);
    if (top_n > 0 && order.size() > top_n) order.resize(top_n);
    std::string text = "{\"id\":";
    base::append_string(text, job.call->id);
    text += ",\"model\":";
    base::append_string(text, model->name);
    text.append(",\"usage\":{\"total_tokens\":").append(std::to_string(job.tokens)).append("},\"results\":");
    append_list(text, order, [&](std::size_t index) {
      text.append("{\"index\":").append(std::to_string(index)).append(",\"relevance_score\":");
      base::append_number(text, scores[index]);
      if (return_documents) {
        text += ",\"document\":{\"text\":";
        base::append_string(text, text_of(job.items[index]));
        text += '}';
      }
      text += '}';
    });
    return computed_response(job, text + "}");
  });
}

void handle_by_model(Service& service, const CallPointer& call) {
  const ModelPointer model = [&] {
    const Body body = service.read(*call);
    return service.model(Fields(body.json()));
  }();
  const char* task = std::getenv("TASK");  // NOLINT(concurrency-mt-unsafe): nothing changes the environment
  switch (model->kind) {
    case ModelKind::classifier: return handle_predict(service, call);
    case ModelKind::reranker: return handle_rerank(service, call);
    case ModelKind::tagger: return handle_tag(service, call);
    default: break;
  }
  if (task != nullptr && std::string_view(task) == "sentence-similarity") return handle_similarity(service, call);
  if (model->default_vector_kind == BERTH_SPARSE) return handle_embed_sparse(service, call);
  return handle_embed(service, call);
}

void handle_vertex(Service& service, const CallPointer& call) {
  std::vector<std::string> instances = take_instances(service, *call);
  struct Parts {
    std::vector<std::string> bodies;
    std::atomic<std::size_t> left;
    std::vector<std::weak_ptr<Call>> calls;
  };
  const auto parts = std::make_shared<Parts>();
  parts->bodies.resize(instances.size());
  parts->left = instances.size();
  const auto finish = [&service, call, parts] {
    service.answer(call, ErrorStyle::tei, [&]() -> Response {
      std::string text = "{\"predictions\":";
      append_list(text, parts->bodies, [&](const std::string& each) { text += each; });
      return json_response(text + "}");
    });
  };
  if (instances.empty()) return finish();
  // Each instance is a request of its own; the first that fails answers for all.
  std::vector<CallPointer> calls;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    auto part = std::make_shared<Call>();
    part->received = call->received;
    part->id = call->id;
    part->traceparent = call->traceparent;
    part->request = {.method = "POST", .path = "/", .query = {}, .headers = {{"content-type", "application/json"}}, .body = std::move(instances[i])};
    part->set_sink([call, parts, finish, i, keep = std::weak_ptr<Call>(part)](const Call::Make& make) {
      Response response = make();
      if (const CallPointer part = keep.lock()) {
        call->inputs.fetch_add(part->inputs);
        call->tokens.fetch_add(part->tokens);
      }
      if (response.status != 200) return call->respond(std::move(response));
      parts->bodies[i] = std::move(response.body);
      if (parts->left.fetch_sub(1) == 1) finish();
    });
    parts->calls.push_back(part);
    calls.push_back(std::move(part));
  }
  call->on_abandon([parts] {
    for (const auto& weak : parts->calls)
      if (const CallPointer part = weak.lock()) part->abandon();
  });
  for (const CallPointer& part : calls) service.run(handle_instance, ErrorStyle::tei, part);
}

}  // namespace berth::server
