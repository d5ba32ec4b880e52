#include "apps/server/service.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <random>

#include "apps/server/routes.hpp"
#include "apps/server/secret.hpp"
#include "base/memory.hpp"
#include "base/utf8.hpp"

namespace berth::server {
namespace {

constexpr std::size_t kSmallBody = 16384;  // is worked on by the connection's thread
constexpr std::size_t kSmallDocument =
    std::size_t{2} << 20;  // is not counted, as each thread has one at most; no small body is more, so that connections' threads never wait
constexpr std::size_t kMaxIdLength = 128;

std::string random_hex(std::size_t digits) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  while (text.size() < digits)
    for (std::uint64_t bits = random(), i = 0; i < 16 && text.size() < digits; ++i, bits >>= 4) text += kDigits[bits & 15];
  return text;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "00-<32 hex>-<16 hex>-<2 hex>", as W3C's Trace Context has it; all zeros mean nothing.
bool is_traceparent(std::string_view text) {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-' && is_hex(text.substr(3, 32)) && is_hex(text.substr(36, 16)) &&
         is_hex(text.substr(53, 2)) && text.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         text.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// "[::1]" of "[::1]:3000", "localhost" of "localhost:3000".
std::string_view host_of(std::string_view field) {
  const auto bracket = field.starts_with('[') ? field.find(']') : std::string_view::npos;
  return field.substr(0, field.find(':', bracket == std::string_view::npos ? 0 : bracket));
}

bool is_bracketed_address(std::string_view text) {
  in6_addr ignored{};
  return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
         ::inet_pton(AF_INET6, std::string(text.substr(1, text.size() - 2)).c_str(), &ignored) == 1;
}

}  // namespace

Service::Service(const ServerOptions& options)
    : options_(options),
      log_(options.log_format),
      cache_(options.cache_bytes, options.cache_seconds, metrics_),
      drift_(options.baseline),
      results_(options.result_memory),
      // Texts are at most twice what they were: a body that may be sent can be read.
      documents_(std::max(options.http.body_memory, 2 * options.http.body_bytes + (std::size_t{1} << 20))),
      loaders_(1),
      workers_(options.workers),
      models_(options, loaders_, metrics_, log_),
      scheduler_(options.queue, [this](const Scheduler::Batch& batch) { observe(batch); }) {}

Service::~Service() { stop(); }

void Service::stop() {
  scheduler_.stop();
  loaders_.stop();
  models_.stop();
  workers_.stop();
}

// The request's id and place in a trace: the client's, or new ones.
void Service::begin(Call& call) {
  const std::string_view id = call.request.header("x-request-id");
  call.id = !id.empty() && id.size() <= kMaxIdLength && is_plain(id) ? std::string(id) : random_hex(32);
  const std::string_view parent = call.request.header("traceparent");
  const bool traced = is_traceparent(parent);
  call.traceparent =
      "00-" + (traced ? std::string(parent.substr(3, 32)) : random_hex(32)) + "-" + random_hex(16) + "-" + (traced ? std::string(parent.substr(53)) : "00");
}

void Service::handle(const CallPointer& call) {
  begin(*call);
  const auto reply = [&](int status, std::string type = {}, std::string body = {}, Headers headers = {}) {
    Response response{status, std::move(type), std::move(body), std::move(headers)};
    add_headers(*call, response);
    call->respond(std::move(response));
  };
  if (!host_allowed(*call))
    return reply(403, "text/plain; charset=utf-8",
                 "a server on loopback without keys answers to addresses, localhost and the names of --allow-host; this request's Host is another\n");
  bool path_known = false;
  const Route* route = find_route(call->request.method, call->request.path, path_known);
  if (route != nullptr && route->access == Access::admin && !options_.admin) {
    route = nullptr;
    path_known = false;
  }
  if (route == nullptr) {
    if (!path_known) return reply(404);
    if (call->request.method == "OPTIONS") {
      Response response = preflight(*call);
      add_headers(*call, response);
      return call->respond(std::move(response));
    }
    return reply(405, {}, {}, {{"allow", allowed_methods(call->request.path)}});
  }
  if (route->access != Access::open && !authorized(*call)) return reply(401, {}, {}, {{"www-authenticate", "Bearer"}});
  if (route->access == Access::admin && !origin_allowed(*call))
    return reply(403, "text/plain; charset=utf-8",
                 "pages of other origins than the server's own may not administer it; its own, where there are no keys, by an address, localhost or a name of "
                 "--allow-host\n");
  if (call->request.body.size() <= kSmallBody) return run(route->handle, route->style, call);
  workers_.post([this, route, call] { run(route->handle, route->style, call); });
}

void Service::run(Handler handle, ErrorStyle style, const CallPointer& call) {
  if (call->abandoned()) return;
  answer(call, style, [&]() -> Response {
    try {
      handle(*this, call);
    } catch (const NotLoaded& missing) {
      wait_for(*missing.source, handle, style, call);
    }
    return {.status = 0};
  });
}

void Service::wait_for(const ModelSource& source, Handler handle, ErrorStyle style, const CallPointer& call) {
  models_.when_loaded(source, [this, handle, style, call](const ModelPointer& model, const std::string& error) {
    if (model != nullptr) return run(handle, style, call);
    answer(call, style, [&]() -> Response { throw Failure(FailureKind::unhealthy, "the model could not be loaded: " + error, "inference"); });
  });
}

Body Service::read(const Call& call) {
  check_content_type(call.request);
  const std::size_t needed = base::json_memory(call.request.body), bytes = needed > kSmallDocument ? needed : 0;
  if (bytes > documents_.limit())
    throw Rejection(413, "The request body would take " + std::to_string(bytes >> 20) + " MB while it is read, the limit (--body-memory) is " +
                             std::to_string(documents_.limit() >> 20) + " MB: send fewer inputs at once");
  if (bytes > 0) documents_.take(bytes);
  if (bytes > 0 && (call.abandoned() || !has_room_for_documents())) {
    documents_.give(bytes);
    throw Failure(FailureKind::overloaded, "Model is overloaded: the memory limit leaves no room to read the request", "overloaded", 1);
  }
  return {call.request, documents_, bytes};
}

// What others have taken may be resident already. It is counted twice then, since nobody knows how much of it.
bool Service::has_room_for_documents() const {
  const auto fits = [this] {
    return static_cast<double>(resident_bytes() + documents_.used()) <= options_.refuse_at * static_cast<double>(options_.memory_limit);
  };
  if (options_.memory_limit == 0 || fits()) return true;
  base::return_free_memory();
  return fits();
}

void Service::answer(const CallPointer& call, ErrorStyle style, const std::function<Response()>& make) {
  Response response = response_of(*call, style, make);
  if (response.status != 0) call->respond(std::move(response));
}

Response Service::response_of(const Call& call, ErrorStyle style, const std::function<Response()>& make) {
  Response response;
  try {
    response = make();
    if (response.status == 0) return response;
  } catch (const Failure& failure) {
    response = failed(failure, style);
  } catch (const Rejection& rejection) {
    metrics_.failures.add("err=\"validation\"");
    response = {rejection.status(), "text/plain; charset=utf-8", rejection.what(), {}};
  } catch (const Error& error) {
    const bool callers = error.status() == BERTH_INVALID_ARGUMENT || error.status() == BERTH_TOO_LONG;
    response = failed(callers ? Failure(FailureKind::validation, std::string("Input validation error: ") + error.what(), "validation")
                              : Failure(FailureKind::backend, std::string("Backend error: ") + error.what(), "inference"),
                      style);
  } catch (const std::bad_alloc&) {
    response = failed(Failure(FailureKind::overloaded, "out of memory", "overloaded", 1), style);
  } catch (const std::exception& error) {
    log_.error("request failed", {{"id", call.id}, {"error", error.what()}});
    response = failed(Failure(FailureKind::internal, error.what(), "inference"), style);
  }
  add_headers(call, response);
  return response;
}

Response Service::failed(const Failure& failure, ErrorStyle style) {
  metrics_.failures.add("err=\"" + std::string(failure.reason()) + "\"");
  return to_response(failure, style == ErrorStyle::openai ? options_.openai_errors : style);
}

Response Service::timed_out(const Call& call) {
  bool ignored = false;
  const Route* route = find_route(call.request.method, call.request.path, ignored);
  Response response =
      failed(Failure(FailureKind::timeout, "the request was not answered in time", "timeout", 1), route == nullptr ? ErrorStyle::tei : route->style);
  add_headers(call, response);
  return response;
}

Response Service::refused(int status) {
  metrics_.protocol_errors.add("status=\"" + std::to_string(status) + "\"");
  if (options_.log_requests) log_.info("request refused", {{"status", static_cast<std::uint64_t>(status)}});
  Response response{status, "text/plain; charset=utf-8", {}, {}};
  if (status == 413) response.body = "Failed to buffer the request body: length limit exceeded";
  if (status == 429) {
    response.body = "Too much is being uploaded at once";
    response.headers.emplace_back("retry-after", "1");
  }
  if (status == 431) response.body = "Request header fields too large";
  if (status == 400) response.body = "Malformed HTTP request";
  return response;
}

void Service::finished(const Call& call, int status, std::size_t bytes) noexcept {
  try {
    bool known = false;
    const Route* route = find_route(call.request.method, call.request.path, known);
    metrics_.http.add("route=\"" + std::string(route == nullptr ? "other" : route->path) + "\",method=\"" +
                      std::string(route == nullptr ? "other" : route->method) + "\",status=\"" + (status == 0 ? "gone" : std::to_string(status)) + "\"");
    if (status == 0) metrics_.failures.add("err=\"dropped\"");
    if (!options_.log_requests) return;
    log_.info("request", {{"id", call.id},
                          {"trace", std::string_view(call.traceparent).substr(3, 32)},
                          {"method", call.request.method},
                          {"path", route == nullptr ? std::string_view("other") : route->path},
                          {"status", static_cast<std::uint64_t>(status)},
                          {"inputs", call.inputs.load()},
                          {"tokens", call.tokens.load()},
                          {"bytes", std::uint64_t{bytes}},
                          {"ms", 1e3 * seconds(Clock::now() - call.received)}});
  } catch (...) {  // no memory for a line of the log
  }
}

ModelPointer Service::model(const Fields& fields) { return model(fields.maybe_string("model").value_or("")); }

ModelPointer Service::model(std::string_view name) {
  const ModelSource* source = models_.find(name);
  if (source == nullptr && models_.only_one()) source = models_.find("");
  if (source == nullptr) throw Failure(FailureKind::not_found, "there is no model \"" + std::string(name) + "\": see /v1/models", "validation");
  return loaded(*source);
}

ModelPointer Service::profile(std::string_view name) {
  const ModelSource* source = name.empty() ? nullptr : models_.find(name);
  if (source == nullptr || !source->profile)
    throw Failure(FailureKind::not_found, "there is no profile \"" + std::string(name) + "\": see /v1/models", "validation");
  return loaded(*source);
}

ModelPointer Service::loaded(const ModelSource& source) {
  if (ModelPointer found = models_.get(source)) return found;
  throw NotLoaded(source);
}

bool Service::authorized(const Call& call) const {
  if (options_.api_keys.empty()) return true;
  std::string_view given = call.request.header("authorization");
  constexpr std::string_view kBearer = "bearer ";
  const bool bearer = given.size() >= kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), given.begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  given = bearer ? given.substr(kBearer.size()) : std::string_view();
  bool good = false;
  for (const std::string& key : options_.api_keys) good |= same_secret(given, key);
  return good && bearer;
}

// A page in somebody's browser may give a name of its own to 127.0.0.1 and then read the answers. So without keys, on loopback, only addresses, localhost
// and the names that were allowed are good.
bool Service::host_allowed(const Call& call) const {
  const bool loopback = options_.unix_socket.empty() && (options_.host.starts_with("127.") || options_.host == "::1");
  return !loopback || !options_.api_keys.empty() || is_own_name(call);
}

bool Service::is_own_name(const Call& call) const {
  const std::string host = base::lower_ascii(host_of(call.request.header("host")));
  if (host.starts_with('[')) return is_bracketed_address(host);
  if (host.empty() || host == "localhost" || host.ends_with(".localhost")) return true;
  if (host.find_first_not_of("0123456789.") == std::string_view::npos) return true;
  for (const std::string& allowed : options_.allowed_hosts)
    if (allowed == "*" || base::lower_ascii(allowed) == host) return true;
  return false;
}

// Browsers send any page's POST of plain text without asking first, and only then keep the answer from it. So what changes the server is for those who are
// no page, and for pages of its own, which reach it by the name that they came from.
bool Service::origin_allowed(const Call& call) const {
  const std::string origin = base::lower_ascii(call.request.header("origin")), host = base::lower_ascii(call.request.header("host"));
  if (origin.empty()) return true;
  return (origin == "http://" + host || origin == "https://" + host) && (!options_.api_keys.empty() || is_own_name(call));
}

void Service::add_cors(const Call& call, Response& response) const {
  const std::string_view origin = call.request.header("origin");
  if (origin.empty() || options_.cors_origins.empty()) return;
  const bool any = std::find(options_.cors_origins.begin(), options_.cors_origins.end(), "*") != options_.cors_origins.end();
  if (!any && std::find(options_.cors_origins.begin(), options_.cors_origins.end(), origin) == options_.cors_origins.end()) return;
  response.headers.emplace_back("access-control-allow-origin", any ? "*" : std::string(origin));
  if (!any) response.headers.emplace_back("vary", "origin");
  response.headers.emplace_back("access-control-expose-headers", "*");
}

Response Service::preflight(const Call&) const {
  Response response{.status = 200};
  if (options_.cors_origins.empty()) return response;
  response.headers.emplace_back("access-control-allow-methods", "GET, POST");
  response.headers.emplace_back("access-control-allow-headers", "authorization, content-type, traceparent, x-request-id, x-request-timeout");
  response.headers.emplace_back("access-control-max-age", "3600");
  return response;
}

void Service::add_headers(const Call& call, Response& response) const {
  add_cors(call, response);
  response.headers.emplace_back("x-request-id", call.id);
  response.headers.emplace_back("traceparent", call.traceparent);
}

}  // namespace berth::server
