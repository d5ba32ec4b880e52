#include "apps/server/routes.hpp"
#include "apps/server/schemas.hpp"
#include "base/json.hpp"

#include <berth/berth.hpp>

namespace berth::server {
namespace {

using Json = nlohmann::ordered_json;

Json reference(std::string_view schema) { return {{"$ref", "#/components/schemas/" + std::string(schema)}}; }
Json content(const Json& schema) { return {{"application/json", {{"schema", schema}}}}; }

Json operation_of(const Route& route) {
  Json operation;
  operation["tags"] = {route.tag};
  operation["summary"] = route.summary;
  std::string id(route.method);
  id += route.path;
  for (char& c : id)
    if (c == '/' || c == '-' || c == '.') c = '_';
  operation["operationId"] = id;
  Json responses;
  responses["200"]["description"] = "Good";
  if (!route.response.empty()) responses["200"]["content"] = content(reference(route.response));
  if (!route.request.empty()) {
    operation["requestBody"] = {{"required", true}, {"content", content(reference(route.request))}};
    const Json error = content(reference(route.style == ErrorStyle::tei ? "ErrorResponse" : "OpenAiErrorResponse"));
    constexpr std::pair<const char*, const char*> kFailures[] = {{"400", "No JSON, or an empty input"},
                                                                 {"413", "The body is over the limit"},
                                                                 {"415", "Not application/json"},
                                                                 {"422", "An input is not what the model or the route takes"},
                                                                 {"424", "The model failed, or does not do this"},
                                                                 {"429", "Too much waits: see Retry-After"},
                                                                 {"504", "Not answered in time"}};
    for (const auto& [status, description] : kFailures) {
      responses[status]["description"] = description;
      if (status[2] == '2' || status[2] == '4' || status[2] == '9') responses[status]["content"] = error;
    }
  }
  if (route.access != Access::open) {
    responses["401"]["description"] = "No key, or a wrong one";
    operation["security"] = Json::array({Json{{"bearer", Json::array()}}});
  }
  operation["responses"] = std::move(responses);
  return operation;
}

std::string make_document() {
  Json document;
  document["openapi"] = "3.0.3";
  document["info"] = {{"title", "berth"},
                      {"description", "Embeddings, labels and scores of BERT-style encoders"},
                      {"version", version()},
                      {"license", {{"name", "Apache-2.0"}}}};
  for (const Route& route : routes()) {
    std::string method(route.method == "GET" ? "get" : "post");
    document["paths"][std::string(route.path)][method] = operation_of(route);
  }
  document["components"]["schemas"] = Json::parse(kSchemas);
  document["components"]["securitySchemes"]["bearer"] = {{"type", "http"}, {"scheme", "bearer"}};
  return document.dump();
}

}  // namespace

const std::string& openapi_document() {
  static const std::string document = make_document();
  return document;
}

}  // namespace berth::server
