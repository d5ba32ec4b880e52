#include "apps/server/routes.hpp"

#include "apps/server/service.hpp"

namespace berth::server {
namespace {

constexpr auto kTei = ErrorStyle::tei;
constexpr auto kOpenAi = ErrorStyle::openai;

constexpr Route kRoutes[] = {
    {"GET", "/", Access::open, kTei, handle_root, "operation", "The page for people (Accept: text/html), else as /health"},
    {"GET", "/health", Access::open, kTei, handle_health, "operation", "200 when requests can be answered, else 503"},
    {"GET", "/ping", Access::open, kTei, handle_health, "operation", "As /health"},
    {"GET", "/health/ready", Access::open, kTei, handle_health, "operation", "As /health"},
    {"GET", "/health/live", Access::open, kTei, handle_live, "operation", "200 as long as the process answers"},
    {"GET", "/metrics", Access::open, kTei, handle_metrics, "operation", "Prometheus metrics"},
    {"GET", "/docs", Access::open, kTei, handle_docs, "operation", "The routes, for people"},
    {"GET", "/api-doc/openapi.json", Access::open, kTei, handle_openapi, "operation", "This document"},
    {"GET", "/openapi.json", Access::open, kTei, handle_openapi, "operation", "This document"},
    {"GET", "/info", Access::key, kTei, handle_info, "operation", "The model and the limits", "", "Info"},
    {"POST", "/admin/reload", Access::admin, kTei, handle_reload, "operation", "Load the models again; no request fails", "", "Reloaded"},
    {"GET", "/admin/baseline", Access::admin, kTei, handle_baseline, "operation",
     "Distributions of labels, scores and lengths so far, to be stored for --baseline", "", "Baseline"},

    {"POST", "/embed", Access::key, kTei, handle_embed, "embeddings", "Embeddings", "EmbedRequest", "EmbedResponse"},
    {"POST", "/embed_all", Access::key, kTei, handle_embed_all, "embeddings", "A vector for each token", "EmbedAllRequest", "EmbedAllResponse"},
    {"POST", "/embed_sparse", Access::key, kTei, handle_embed_sparse, "embeddings", "Sparse vectors (SPLADE)", "EmbedAllRequest", "EmbedSparseResponse"},
    {"POST", "/embed_chunks", Access::key, kTei, handle_embed_chunks, "embeddings", "Embeddings of stretches of a text (late chunking)", "EmbedChunksRequest",
     "EmbedChunksResponse"},
    {"POST", "/similarity", Access::key, kTei, handle_similarity, "embeddings", "Cosines of a sentence with others", "SimilarityRequest", "SimilarityResponse"},
    {"POST", "/predict", Access::key, kTei, handle_predict, "classification", "Labels", "PredictRequest", "PredictResponse"},
    {"POST", "/rerank", Access::key, kTei, handle_rerank, "reranking", "Texts by how well they answer a query", "RerankRequest", "RerankResponse"},
    {"POST", "/tokenize", Access::key, kTei, handle_tokenize, "tokens", "Tokens of texts", "TokenizeRequest", "TokenizeResponse"},
    {"POST", "/decode", Access::key, kTei, handle_decode, "tokens", "Texts of tokens", "DecodeRequest", "DecodeResponse"},
    {"POST", "/", Access::key, kTei, handle_by_model, "compatibility", "/predict, /rerank, /embed_sparse or /embed, by the model", "AnyRequest", "AnyResponse"},
    {"POST", "/invocations", Access::key, kTei, handle_by_model, "compatibility", "As POST /", "AnyRequest", "AnyResponse"},
    {"POST", "/vertex", Access::key, kTei, handle_vertex, "compatibility", "Several requests in one", "VertexRequest", "VertexResponse"},

    {"POST", "/v1/embeddings", Access::key, kOpenAi, handle_openai_embeddings, "openai", "Embeddings", "OpenAiEmbedRequest", "OpenAiEmbedResponse"},
    {"POST", "/embeddings", Access::key, kOpenAi, handle_openai_embeddings, "openai", "As /v1/embeddings", "OpenAiEmbedRequest", "OpenAiEmbedResponse"},
    {"POST", "/api/embed", Access::key, kTei, handle_ollama_embed, "compatibility", "Embeddings as Ollama has them", "OllamaEmbedRequest",
     "OllamaEmbedResponse"},
    {"GET", "/v1/models", Access::key, kOpenAi, handle_models, "openai", "The models", "", "Models"},
    {"POST", "/v1/rerank", Access::key, kOpenAi, handle_jina_rerank, "openai", "Reranking as Jina and Cohere have it", "JinaRerankRequest",
     "JinaRerankResponse"},
    {"POST", "/v2/rerank", Access::key, kOpenAi, handle_jina_rerank, "openai", "As /v1/rerank", "JinaRerankRequest", "JinaRerankResponse"},
    {"POST", "/v1/classify", Access::key, kOpenAi, handle_classify, "tasks", "Labels, with tokens and truncation", "ClassifyRequest", "ClassifyResponse"},
    {"POST", "/v1/tag", Access::key, kOpenAi, handle_tag, "tasks", "Entities", "TagRequest", "TagResponse"},
    {"POST", "/v1/zero_shot", Access::key, kOpenAi, handle_zero_shot, "tasks", "Labels of your own", "ZeroShotRequest", "ZeroShotResponse"},
    {"POST", "/v1/fill_mask", Access::key, kOpenAi, handle_fill_mask, "tasks", "Words in place of masks", "FillMaskRequest", "FillMaskResponse"},
    {"POST", "/v1/answer", Access::key, kOpenAi, handle_answer, "tasks", "What in a context answers a question", "AnswerRequest", "AnswerResponse"},
};

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

const Route* find_route(std::string_view method, std::string_view path, bool& path_known) noexcept {
  if (method == "HEAD") method = "GET";
  path_known = false;
  for (const Route& route : kRoutes) {
    if (route.path != path) continue;
    path_known = true;
    if (route.method == method) return &route;
  }
  return nullptr;
}

std::string allowed_methods(std::string_view path) {
  std::string methods;
  for (const Route& route : kRoutes)
    if (route.path == path) methods.append(methods.empty() ? "" : ", ").append(route.method).append(route.method == "GET" ? ", HEAD" : "");
  return methods;
}

}  // namespace berth::server
