// What can be wrong with a request, and how that is said: in text-embeddings-inference's bodies, or in those of its OpenAI routes.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "apps/server/http.hpp"

namespace berth::server {

enum class FailureKind { validation, empty, tokenizer, overloaded, backend, unhealthy, not_found, timeout, internal };

// `reason` is the metrics' word for it.
class Failure : public std::runtime_error {
 public:
  Failure(FailureKind kind, const std::string& message, std::string_view reason, int retry_after = 0)
      : std::runtime_error(message), kind_(kind), reason_(reason), retry_after_(retry_after) {}
  FailureKind kind() const noexcept { return kind_; }
  std::string_view reason() const noexcept { return reason_; }
  int retry_after() const noexcept { return retry_after_; }  // seconds; 0: not said

 private:
  FailureKind kind_;
  std::string_view reason_;
  int retry_after_;
};

// A body that is not what the route takes: plain text, as TEI's framework answers.
class Rejection : public std::runtime_error {
 public:
  Rejection(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

enum class ErrorStyle {
  tei,            // {"error":…,"error_type":…}
  openai,         // {"message":…,"code":…,"type":…}, TEI's on its OpenAI routes
  openai_nested,  // {"error":{"message":…,"type":…,"param":null,"code":…}}, OpenAI's own
};

int status_of(FailureKind kind) noexcept;
std::string_view name(FailureKind kind) noexcept;  // "Validation"

Response to_response(const Failure& failure, ErrorStyle style);

[[noreturn]] void fail_validation(const std::string& message);  // "Input validation error: " and the message
[[noreturn]] void fail_model_type(const std::string& message);  // "Backend error: " and the message: the model does not do this

}  // namespace berth::server
