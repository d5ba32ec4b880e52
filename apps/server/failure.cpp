#include "apps/server/failure.hpp"

#include "base/json_text.hpp"

namespace berth::server {

int status_of(FailureKind kind) noexcept {
  switch (kind) {
    case FailureKind::validation:
    case FailureKind::tokenizer: return 422;
    case FailureKind::empty: return 400;
    case FailureKind::overloaded: return 429;
    case FailureKind::backend: return 424;
    case FailureKind::unhealthy: return 503;
    case FailureKind::not_found: return 404;
    case FailureKind::timeout: return 504;
    case FailureKind::internal: return 500;
  }
  return 500;
}

std::string_view name(FailureKind kind) noexcept {
  switch (kind) {
    case FailureKind::validation: return "Validation";
    case FailureKind::empty: return "Empty";
    case FailureKind::tokenizer: return "Tokenizer";
    case FailureKind::overloaded: return "Overloaded";
    case FailureKind::backend: return "Backend";
    case FailureKind::unhealthy: return "Unhealthy";
    case FailureKind::not_found: return "NotFound";
    case FailureKind::timeout: return "Timeout";
    case FailureKind::internal: return "Internal";
  }
  return "Internal";
}

Response to_response(const Failure& failure, ErrorStyle style) {
  Response response;
  response.status = status_of(failure.kind());
  response.type = "application/json";
  std::string& body = response.body;
  const auto quote = [&body](std::string_view key, std::string_view text) {
    body.append("\"").append(key).append("\":");
    base::append_string(body, text);
  };
  body = style == ErrorStyle::openai_nested ? "{\"error\":{" : "{";
  if (style == ErrorStyle::tei) {
    quote("error", failure.what());
    body += ',';
    quote("error_type", name(failure.kind()));
  } else {
    quote("message", failure.what());
    body += ',';
    if (style == ErrorStyle::openai) body.append("\"code\":").append(std::to_string(response.status)).append(",");
    quote("type", name(failure.kind()));
    if (style == ErrorStyle::openai_nested) body.append(",\"param\":null,\"code\":").append(std::to_string(response.status)).append("}");
  }
  body += '}';
  if (failure.retry_after() > 0) response.headers.emplace_back("retry-after", std::to_string(failure.retry_after()));
  return response;
}

void fail_validation(const std::string& message) { throw Failure(FailureKind::validation, "Input validation error: " + message, "validation"); }
void fail_model_type(const std::string& message) { throw Failure(FailureKind::backend, "Backend error: " + message, "model_type"); }

}  // namespace berth::server
