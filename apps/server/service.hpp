// What the server does with a request: who may ask, which route answers, and what all routes share.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "apps/server/cache.hpp"
#include "apps/server/documents.hpp"
#include "apps/server/drift.hpp"
#include "apps/server/fields.hpp"
#include "apps/server/http_server.hpp"
#include "apps/server/log.hpp"
#include "apps/server/metrics.hpp"
#include "apps/server/models.hpp"
#include "apps/server/options.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/scheduler.hpp"
#include "apps/server/workers.hpp"

namespace berth::server {

// Thrown by Service::model() where a model is yet to be loaded: the handler runs again when it is there.
struct NotLoaded : std::exception {
  explicit NotLoaded(const ModelSource& source_) : source(&source_) {}
  const char* what() const noexcept override { return "a model was asked for outside of Service::run()"; }
  const ModelSource* source;
};

class Service : public HttpHandler {
 public:
  explicit Service(const ServerOptions& options);
  ~Service() override;

  void handle(const CallPointer& call) override;
  Response timed_out(const Call& call) override;
  Response refused(int status) override;
  void finished(const Call& call, int status, std::size_t bytes) noexcept override;

  // The model that a request's "model" names, or the first. TEI's routes and OpenAI's take any name where there is only one model.
  ModelPointer model(const Fields& fields);
  ModelPointer model(std::string_view name);
  // The profile of that name.
  ModelPointer profile(std::string_view name);

  // The JSON of a request. Rejection or Failure where there is none, or no room for it.
  Body read(const Call& call);

  // What `make` gives, or what says what it threw; with the headers of every response. Any thread.
  Response response_of(const Call& call, ErrorStyle style, const std::function<Response()>& make);
  // Runs a handler, which answers now or later: once more where it asked for a model that is yet to be loaded, when that is there.
  void run(Handler handle, ErrorStyle style, const CallPointer& call);
  // Answers with what `make` gives; a response of status 0 comes later. `make` does not ask for models: what comes of that is run()'s.
  void answer(const CallPointer& call, ErrorStyle style, const std::function<Response()>& make);
  // How a failure is said on a route of this style.
  Response failed(const Failure& failure, ErrorStyle style);

  void set_server(const HttpServer* server) { server_ = server; }
  void begin_drain() { draining_.store(true); }
  // Answers what waits (503), before the server goes that would carry the answers.
  void stop();
  bool draining() const noexcept { return draining_.load(); }
  bool shedding() const noexcept { return refusing_.load(); }
  // Looks at the memory and does what the watermarks ask for; called every second.
  void watch_memory();
  // Gives the system back what connections, bodies and responses have let go; called every second.
  void return_memory();
  std::string metrics_text();

  const ServerOptions& options() const noexcept { return options_; }
  Metrics& metrics() noexcept { return metrics_; }
  Cache& cache() noexcept { return cache_; }
  Drift& drift() noexcept { return drift_; }
  Models& models() noexcept { return models_; }
  Workers& workers() noexcept { return workers_; }
  Scheduler& scheduler() noexcept { return scheduler_; }
  Budget& results() noexcept { return results_; }
  const Log& log() const noexcept { return log_; }
  std::atomic<bool>& last_batch_failed() noexcept { return last_batch_failed_; }

 private:
  ModelPointer loaded(const ModelSource& source);
  void begin(Call& call);
  bool has_room_for_documents() const;
  void wait_for(const ModelSource& source, Handler handle, ErrorStyle style, const CallPointer& call);
  bool authorized(const Call& call) const;
  bool host_allowed(const Call& call) const;
  bool is_own_name(const Call& call) const;
  bool origin_allowed(const Call& call) const;
  void add_headers(const Call& call, Response& response) const;
  void add_cors(const Call& call, Response& response) const;
  Response preflight(const Call& call) const;
  void observe(const Scheduler::Batch& batch);

  const ServerOptions& options_;
  Log log_;
  Metrics metrics_;
  Cache cache_;
  Drift drift_;
  Budget results_;
  Documents documents_;
  Workers loaders_;  // one: models load one after the other
  Workers workers_;
  Models models_;
  std::atomic<bool> draining_{false}, refusing_{false}, last_batch_failed_{false};
  int memory_state_ = 0;
  std::size_t held_ = 0, resident_ = 0;              // at the last return_memory() that did something, or more since
  Clock::time_point returned_;                       // its time
  std::optional<Clock::time_point> failure_logged_;  // the scheduler's thread alone
  const HttpServer* server_ = nullptr;
  Scheduler scheduler_;  // last: its thread uses the others
};

}  // namespace berth::server
