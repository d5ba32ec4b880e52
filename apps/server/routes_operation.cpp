// Health, metrics, descriptions, and the page.
#include "apps/server/json_out.hpp"
#include "apps/server/page.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/work.hpp"

namespace berth::server {
namespace {

using Json = nlohmann::ordered_json;

// What TEI calls model_type.
Json model_type(const ServedModel& model) {
  if (model.kind == ModelKind::classifier || model.kind == ModelKind::reranker || model.kind == ModelKind::profile) {
    Json id2label = Json::object(), label2id = Json::object();
    for (std::size_t i = 0; i < model.labels.size(); ++i) {
      id2label[std::to_string(i)] = model.labels[i];
      label2id[model.labels[i]] = i;
    }
    return {{model.kind == ModelKind::reranker ? "reranker" : "classifier", {{"id2label", id2label}, {"label2id", label2id}}}};
  }
  return {{"embedding", {{"pooling", model.pooling}}}};
}

Json info_of(const Service& service, const ServedModel& model) {
  const ServerOptions& options = service.options();
  Json info;
  info["model_id"] = model.directory;
  info["model_sha"] = nullptr;
  info["model_dtype"] = model.precision == "fp32" ? "float32" : model.precision == "bf16" ? "bfloat16" : model.precision;
  info["served_model_name"] = model.name;
  info["model_type"] = model_type(model);
  info["max_concurrent_requests"] = options.queue.queue_inputs;
  info["max_input_length"] = model.max_length;
  info["max_batch_tokens"] = options.queue.batch_tokens;
  info["max_batch_requests"] = nullptr;
  info["max_client_batch_size"] = options.max_client_batch;
  info["auto_truncate"] = options.auto_truncate;
  info["tokenization_workers"] = options.io_threads;
  info["version"] = version();
  info["sha"] = nullptr;
  info["docker_label"] = nullptr;
  info["embedding_size"] = model.embedding_size;
  info["architecture"] = model.architecture;
  info["threads"] = model.threads;
  info["prompts"] = model.prompts;
  return info;
}

void check_ready(const Service& service, Service& models) {
  if (service.draining()) throw Failure(FailureKind::unhealthy, "the server is stopping", "inference");
  if (!models.models().ready()) throw Failure(FailureKind::unhealthy, "the model is not loaded", "inference");
}

}  // namespace

// Cheap, unless the last batch failed: then the model has to show that it can run.
void handle_health(Service& service, const CallPointer& call) {
  if (!service.last_batch_failed().load() || service.draining())
    return service.answer(call, ErrorStyle::tei, [&]() -> Response {
      check_ready(service, service);
      return {};
    });
  const ModelPointer model = service.model(std::string_view());
  Lane lane;
  lane.model = model;
  lane.task = model->labels.empty() || model->kind == ModelKind::tagger || model->kind == ModelKind::answering ? Task::embed : Task::classify;
  if (lane.task == Task::embed && (model->vector_kinds & BERTH_DENSE) == 0) lane.task = Task::embed_tokens;
  const bool profile = model->kind == ModelKind::profile;
  if (profile) lane.task = Task::profile;
  Work work(service, call, ErrorStyle::tei, std::move(lane), {});
  work.add(profile ? Text(std::string("a")) : Text(std::vector<std::int32_t>{0}));
  work.submit([](Job&) { return Response{}; }, FailureKind::unhealthy);
}

void handle_live(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::tei, [] { return Response{}; });
}

void handle_root(Service& service, const CallPointer& call) {
  const bool html = call->request.header("accept").find("text/html") != std::string_view::npos;
  if (!html || !service.options().page) return handle_health(service, call);
  service.answer(call, ErrorStyle::tei, [] {
    Response response{200, "text/html; charset=utf-8", std::string(kPage), {}};
    response.headers.emplace_back("vary", "accept");
    response.headers.emplace_back("content-security-policy",
                                  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:");
    response.headers.emplace_back("x-content-type-options", "nosniff");
    response.headers.emplace_back("referrer-policy", "no-referrer");
    return response;
  });
}

void handle_metrics(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::tei, [&] { return Response{200, "text/plain; version=0.0.4", service.metrics_text(), {}}; });
}

void handle_info(Service& service, const CallPointer& call) {
  const ModelPointer model = service.model(std::string_view());
  service.answer(call, ErrorStyle::tei, [&] { return json_response(base::dump(info_of(service, *model))); });
}

void handle_models(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::openai, [&] {
    Json list = Json::array();
    for (const Models::Status& status : service.models().status()) {
      Json each{{"id", status.name}, {"object", "model"}, {"created", 0}, {"owned_by", "berth"}, {"loaded", status.loaded}};
      if (!status.kind.empty()) each["kind"] = status.kind;
      if (!status.error.empty()) each["error"] = status.error;
      list.push_back(std::move(each));
    }
    return json_response(base::dump(Json{{"object", "list"}, {"data", list}}));
  });
}

void handle_openapi(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::tei, [] { return json_response(openapi_document()); });
}

void handle_docs(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::tei, [] {
    std::string html =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>berth: routes</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}td{padding:.2rem 1rem .2rem "
        "0}</style>"
        "<h1>Routes</h1><p>As a document for machines: <a href=\"openapi.json\">openapi.json</a></p><table>";
    for (const Route& route : routes())
      html.append("<tr><td>").append(route.method).append("<td><code>").append(route.path).append("</code><td>").append(route.summary);
    return Response{200, "text/html; charset=utf-8", html + "</table></html>\n", {}};
  });
}

void handle_baseline(Service& service, const CallPointer& call) {
  service.answer(call, ErrorStyle::tei, [&] { return json_response(service.drift().baseline()); });
}

void handle_reload(Service& service, const CallPointer& call) {
  service.models().reload([&service, call](bool good) {
    service.answer(call, ErrorStyle::tei, [&]() -> Response {
      if (!good) throw Failure(FailureKind::backend, "Backend error: not every model could be loaded again; the old ones stay. See /v1/models", "inference");
      return json_response("{\"reloaded\":true}");
    });
  });
}

}  // namespace berth::server
