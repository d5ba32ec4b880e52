// All that `berth serve` can be told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <berth/berth.hpp>

#include "apps/server/failure.hpp"
#include "apps/server/http_server.hpp"
#include "apps/server/scheduler.hpp"

namespace berth::server {

struct ModelSource {
  std::string name;
  std::string directory;  // the file of a profile
  bool profile = false;
  std::string adapter = {};
};

enum class LogFormat { text, json };

struct ServerOptions {
  std::vector<ModelSource> models;  // and profiles, behind them; the first answers requests that name none
  LoadOptions load;
  ClassifierOptions profiles;    // how profiles are loaded
  bool lazy = false;             // load a model when it is first asked for
  std::size_t model_memory = 0;  // bytes of all loaded models' weights; 0: no limit
  std::string host = "127.0.0.1";
  std::uint16_t port = 3000;
  std::string unix_socket;  // in place of host and port
  HttpLimits http;
  SchedulerLimits queue;
  int io_threads = 2;
  int workers = 2;
  std::size_t max_client_batch = 2048;
  std::size_t result_memory = std::size_t{1} << 30;  // of all responses that are made or written
  bool auto_truncate = true;
  std::optional<std::string> default_prompt, default_prompt_name;
  bool tei_strict = false;
  ErrorStyle openai_errors = ErrorStyle::openai;
  bool echo = false;

  std::vector<std::string> api_keys;
  std::vector<std::string> cors_origins = {"*"};
  std::vector<std::string> allowed_hosts;  // names that requests may call this server by, besides addresses and localhost; "*": any
  bool page = true;
  bool admin = false;

  std::size_t cache_bytes = 0;   // 0: no cache
  double cache_seconds = 0;      // 0: entries do not age
  std::size_t memory_limit = 0;  // of resident memory; 0: no watermarks
  double report_at = 0.80, shed_cache_at = 0.90, refuse_at = 0.95;

  std::chrono::milliseconds drain_delay{0};  // after SIGTERM, /health says 503 for so long while everything is still answered
  std::chrono::milliseconds drain_time{30000};
  LogFormat log_format = LogFormat::text;
  bool log_requests = false;
  std::vector<std::pair<std::string, std::string>> settings = {};  // what was set, for the log
  std::string baseline;                                            // file of distributions that drift is measured against
};

}  // namespace berth::server
