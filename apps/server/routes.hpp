// The routes: one table from which requests are routed and the OpenAPI document is written.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "apps/server/failure.hpp"
#include "apps/server/http.hpp"

namespace berth::server {

class Service;

using Handler = void (*)(Service& service, const CallPointer& call);

enum class Access { open, key, admin };  // admin: only with --admin, and with a key where there are any

struct Route {
  std::string_view method;
  std::string_view path;
  Access access;
  ErrorStyle style;
  Handler handle;
  std::string_view tag;
  std::string_view summary;
  std::string_view request = {};   // names of schemas (schemas.cpp); empty: no body
  std::string_view response = {};  // empty: plain text or nothing
};

std::span<const Route> routes() noexcept;

// nullptr where there is none; `path_known` says whether another method would find one. HEAD is GET's.
const Route* find_route(std::string_view method, std::string_view path, bool& path_known) noexcept;
// "GET, POST, OPTIONS" of a path.
std::string allowed_methods(std::string_view path);

// OpenAPI 3.0, from the table.
const std::string& openapi_document();

// The handlers, by file. Each answers its call now or later.
void handle_root(Service& service, const CallPointer& call);  // routes_operation.cpp
void handle_health(Service& service, const CallPointer& call);
void handle_live(Service& service, const CallPointer& call);
void handle_metrics(Service& service, const CallPointer& call);
void handle_info(Service& service, const CallPointer& call);
void handle_models(Service& service, const CallPointer& call);
void handle_openapi(Service& service, const CallPointer& call);
void handle_docs(Service& service, const CallPointer& call);
void handle_reload(Service& service, const CallPointer& call);
void handle_baseline(Service& service, const CallPointer& call);
void handle_embed(Service& service, const CallPointer& call);  // routes_embed.cpp
void handle_embed_all(Service& service, const CallPointer& call);
void handle_embed_sparse(Service& service, const CallPointer& call);
void handle_embed_chunks(Service& service, const CallPointer& call);
void handle_ollama_embed(Service& service, const CallPointer& call);
void handle_similarity(Service& service, const CallPointer& call);
void handle_openai_embeddings(Service& service, const CallPointer& call);
void handle_predict(Service& service, const CallPointer& call);  // routes_predict.cpp
void handle_rerank(Service& service, const CallPointer& call);
void handle_jina_rerank(Service& service, const CallPointer& call);
void handle_by_model(Service& service, const CallPointer& call);
void handle_vertex(Service& service, const CallPointer& call);
void handle_tokenize(Service& service, const CallPointer& call);  // routes_tokens.cpp
void handle_decode(Service& service, const CallPointer& call);
void handle_classify(Service& service, const CallPointer& call);  // routes_tasks.cpp
void handle_tag(Service& service, const CallPointer& call);
void handle_zero_shot(Service& service, const CallPointer& call);
void handle_fill_mask(Service& service, const CallPointer& call);
void handle_answer(Service& service, const CallPointer& call);

}  // namespace berth::server
