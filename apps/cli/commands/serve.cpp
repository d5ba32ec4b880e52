// berth serve: the HTTP server; berth health: asks it whether it is well.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "apps/cli/classifiers.hpp"
#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/models.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/settings.hpp"
#include "apps/server/serve.hpp"
#include "base/byte_order_mark.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

// As the command line has them, before they are what the server takes.
struct ServeCommand {
  server::ServerOptions server;
  ModelOptions model;  // without its directory
  std::vector<std::string> models, adapters, profiles, key_values;
  std::string key_file, config, openai_errors = "flat", log_format = "text", default_prompt, default_prompt_name;
  double request_timeout = 60, header_timeout = 10, body_timeout = 30, write_timeout = 60, idle_timeout = 75, drain_timeout = 30, drain_delay = 0;
  std::string auto_truncate = "true", page;
  bool tei_env = false, live = false, precision_given = false;
};

std::chrono::milliseconds milliseconds(double seconds) { return std::chrono::milliseconds(std::llround(seconds * 1000)); }

std::string check_seconds(const std::string& text) { return check_between(text, 0, 1e6, " seconds"); }
// Nobody means a server without keys by an empty one.
std::string check_key(const std::string& text) { return split_list(text).empty() ? "expected a key, got " + base::quoted(text) : ""; }
std::string check_key_file(const std::string& text) { return text.empty() ? "expected a file, got \"\"" : ""; }
std::string check_port(const std::string& text) { return check_between(text, 0, 65535, ""); }

// An address as the system writes it: "::1" for "[0:0::1]", as in URLs; "127.0.0.1" for localhost. Other names are not looked up: they may have several
// addresses, and who can reach the server is not left to a name's records.
std::string to_address(std::string& text) {
  std::string given = text;
  if (given.size() > 2 && given.front() == '[' && given.back() == ']') given = given.substr(1, given.size() - 2);
  const bool v6 = given.find(':') != std::string::npos;
  if (!v6 && base::lower_ascii(given) == "localhost") given = "127.0.0.1";
  const std::size_t zone = v6 ? std::min(given.find('%'), given.size()) : given.size();  // "%eth0" of a link's own addresses
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> written{};
  const int family = v6 ? AF_INET6 : AF_INET;
  if ((!v6 && given != text && text.front() == '[') || ::inet_pton(family, given.substr(0, zone).c_str(), address.data()) != 1 ||
      ::inet_ntop(family, address.data(), written.data(), written.size()) == nullptr)
    return "expected an IP address or localhost, got " + base::quoted(text);
  text = written.data() + given.substr(zone);
  return "";
}

void add_address_options(Command& command, server::ServerOptions& options, std::string& config) {
  command.add_option("--host", options.host, "IP address to listen on, or localhost; default 127.0.0.1; in the image BERTH_HOST says 0.0.0.0")
      .type_name("ADDRESS")
      .transform(to_address);
  command.add_option("-p,--port", options.port, "Port; default 3000; 0: any").type_name("N").check(check_port);
  command.add_option("--uds-path", options.unix_socket, "Listen on a Unix socket instead").type_name("FILE");
  command.add_option("-c,--config", config, "JSON file of options by their names; the command line and BERTH_* variables come first").type_name("FILE");
}

void add_limits(Command& command, ServeCommand& options) {
  server::ServerOptions& server = options.server;
  const auto bytes = [&](const char* name, std::size_t& value, const char* description) { command.add_option(name, value, description).bytes(); };
  const auto count = [&](const char* name, auto& value, const char* description) {
    command.add_option(name, value, description).type_name("N").check(check_positive);
  };
  const auto time = [&](const char* name, double& value, const char* description) {
    command.add_option(name, value, description).type_name("SECONDS").check(check_seconds);
  };
  count("--max-batch-tokens", server.queue.batch_tokens, "Tokens of requests that run together; default 2048");
  count("--max-queue-tokens", server.queue.queue_tokens, "Tokens that may wait before requests are refused (429); default 1048576");
  count("--max-queue-inputs", server.queue.queue_inputs, "Inputs that may wait; default 16384");
  count("--max-client-batch-size", server.max_client_batch, "Inputs of one request; default 2048");
  bytes("--payload-limit", server.http.body_bytes, "A request's body, e.g. 32MB, the default");
  bytes("--body-memory", server.http.body_memory, "All bodies together, and as much again for what they are while they are read; default 256MB");
  bytes("--result-memory", server.result_memory, "All responses together; default 1GB");
  bytes("--header-limit", server.http.header_bytes, "A request's header; default 16KB");
  count("--max-connections", server.http.connections, "Open connections; default 16384, or what the limit of descriptors leaves");
  time("--request-timeout", options.request_timeout, "Time for an answer (504); default 60. A request's x-request-timeout may say less");
  time("--header-timeout", options.header_timeout, "Time for a request's header; default 10");
  time("--body-timeout", options.body_timeout, "Time for a request's body; default 30");
  time("--write-timeout", options.write_timeout, "Time that a client may take for a response; default 60");
  time("--idle-timeout", options.idle_timeout, "Time between requests of a connection; default 75");
  time("--drain-timeout", options.drain_timeout, "Time for requests that are under way after SIGTERM; default 30");
  time("--drain-delay", options.drain_delay, "Time after SIGTERM in which /health says 503 and all is still answered, for balancers to see; default 0");
  bytes("--memory-limit", server.memory_limit, "Resident memory: 80% of it is reported, 90% empties the cache, 95% refuses requests; default none");
  bytes("--model-memory", server.model_memory, "Weights of all loaded models: beyond it the least recently used idle ones are unloaded; default none");
  bytes("--cache", server.cache_bytes, "Memory for results of inputs that come again; default 0: no cache");
  time("--cache-ttl", server.cache_seconds, "How long a cached result is good; default 0: as long as there is room");
  count("--io-threads", server.io_threads, "Threads of connections, which also tokenize; default 2");
  count("--workers", server.workers, "Threads for large bodies and responses; default 2");
}

void add_behaviour(Command& command, ServeCommand& options) {
  server::ServerOptions& server = options.server;
  const auto list = [&](const char* name, std::vector<std::string>& values, const char* type, const char* description) {
    return command.add_option(name, values, description).type_name(type).repeatable();
  };
  command.add_flag("--lazy", server.lazy, "Load a model when it is first asked for");
  command.add_option("--auto-truncate", options.auto_truncate, "Cut long texts where a request does not say; default true; x-truncated-inputs counts them")
      .choices("true|false");
  command.add_option("--default-prompt-name", options.default_prompt_name, "Prompt of the model's put before every text").type_name("NAME");
  command.add_option("--default-prompt", options.default_prompt, "Text put before every text").type_name("TEXT");
  command.add_flag("--tei-strict", server.tei_strict, "Be wrong where text-embeddings-inference is: softmax for several labels at once");
  command.add_flag("--tei-env", options.tei_env, "Read text-embeddings-inference's variables, too: MODEL_ID, PORT, MAX_BATCH_TOKENS, ...; never HOSTNAME");
  command
      .add_option("--openai-errors", options.openai_errors, "Errors of /v1 routes: flat, the default, as text-embeddings-inference's, or nested, as OpenAI's")
      .choices("flat|nested");
  list("--api-key", options.key_values, "KEY",
       "A key that requests have to bring (Authorization: Bearer KEY); may be repeated; others see arguments, so rather:")
      .check(check_key);
  command.add_option("--api-key-file", options.key_file, "File of keys, one a line").type_name("FILE").check(check_key_file);
  list("--cors-allow-origin", server.cors_origins, "ORIGIN", "Origins whose pages may read answers; may be repeated; default *; none: nobody");
  list("--allow-host", server.allowed_hosts, "NAME",
       "Name that requests may call a server on loopback by, and its own pages /admin, besides localhost; *: any");
  command.add_option("--page", options.page, "The page at /; default true where others than this machine cannot reach it").choices("true|false");
  command.add_flag("--admin", server.admin, "Have /admin routes");
  command.add_option("--log-format", options.log_format, "Log lines on standard error; default text").choices("text|json");
  command.add_option("--baseline", server.baseline, "Distributions of labels, scores and lengths (of /admin/baseline) that /metrics says the distance to")
      .type_name("FILE");
  command.add_flag("--log-requests", server.log_requests, "A line for each request; never its text");
  command.add_flag("--echo", server.echo, "Answer without running the model, to measure the server itself");
}

server::ModelSource source_of(const std::string& text) {
  const auto equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && text.find('/') > equals) return {text.substr(0, equals), text.substr(equals + 1)};
  std::filesystem::path path(text);
  if (path.filename().empty()) path = path.parent_path();
  const std::string name = base::display(path.filename());
  return {name.empty() || name == "." || name == ".." ? "model" : name, text};
}

server::ModelSource profile_of(const std::string& text) {
  server::ModelSource source = source_of(text);
  if (source.directory == text) source.name = base::display(std::filesystem::path(text).stem());
  source.profile = true;
  return source;
}

// ADAPTER of the only model, or NAME=ADAPTER.
void add_adapters(const std::vector<std::string>& adapters, std::vector<server::ModelSource>& models) {
  for (const std::string& text : adapters) {
    const auto named = std::find_if(models.begin(), models.end(), [&](const server::ModelSource& model) { return text.starts_with(model.name + "="); });
    if (named == models.end() && models.size() != 1)
      throw UsageError("--adapter: of several models NAME=ADAPTER says which one runs with it, got " + base::quoted(text));
    server::ModelSource& model = named == models.end() ? models.front() : *named;
    if (model.profile) throw UsageError("--adapter: " + model.name + " is a profile, whose model runs without one");
    if (!model.adapter.empty()) throw UsageError("--adapter: there are two for the model " + model.name);
    model.adapter = named == models.end() ? text : text.substr(model.name.size() + 1);
    if (model.adapter.empty()) throw UsageError("--adapter: expected a name or a directory, got nothing");
  }
}

std::vector<std::string> keys_of(const ServeCommand& options) {
  std::vector<std::string> keys;
  for (const std::string& value : options.key_values)
    for (const std::string& key : split_list(value)) keys.push_back(key);
  if (options.key_file.empty()) {
    // A variable is empty where a secret was to be filled in and was not there: without this, anybody could ask such a server.
    for (const char* name : {"BERTH_API_KEY", "BERTH_API_KEY_FILE", options.tei_env ? "API_KEY" : nullptr})
      if (keys.empty() && name != nullptr && std::getenv(name) != nullptr)  // NOLINT(concurrency-mt-unsafe): there is one thread yet
        throw UsageError(std::string(name) + ": expected keys, got \"\"; a server without keys has no such variable");
    return keys;
  }
  std::ifstream file(options.key_file);
  if (!file) throw UsageError("--api-key-file: cannot read " + options.key_file);
  bool first = true;
  for (std::string line; std::getline(file, line);) {
    if (std::exchange(first, false)) line = std::string(base::without_byte_order_mark(line));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line.front() != '#') keys.push_back(line);
  }
  if (keys.empty()) throw UsageError("--api-key-file: " + options.key_file + " has no keys");
  return keys;
}

server::ServerOptions server_options(const ServeCommand& options) {
  server::ServerOptions server = options.server;
  for (const std::string& model : options.models) server.models.push_back(source_of(model));
  if (server.models.empty() && options.profiles.empty())  // those that come with berth
    for (const char* name : {"intent", "sentiment", "emotion"})
      if (const auto directory = find_default_model(name)) server.models.push_back({name, *directory});
  for (const std::string& profile : options.profiles) server.models.push_back(profile_of(profile));
  if (server.models.empty())
    throw DataError("no model given (--model DIR), and none of berth's own was found; set BERTH_WEIGHTS to the folder that holds them");
  for (std::size_t i = 0; i < server.models.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (server.models[i].name == server.models[j].name)
        throw UsageError(std::string(server.models[i].profile ? "--profile" : "--model") + ": two models are called " + server.models[i].name +
                         "; NAME=" + (server.models[i].profile ? "FILE" : "DIR") + " gives one another name");
  add_adapters(options.adapters, server.models);
  server.load = {.threads = options.model.threads, .precision = options.model.precision, .isa = options.model.isa, .mmap = !options.model.no_mmap};
  server.profiles = classifier_options(options.model, options.precision_given, 0);
  server.http.request = milliseconds(options.request_timeout);
  server.http.header = milliseconds(options.header_timeout);
  server.http.body = milliseconds(options.body_timeout);
  server.http.write = milliseconds(options.write_timeout);
  server.http.idle = milliseconds(options.idle_timeout);
  server.drain_delay = milliseconds(options.drain_delay);
  server.drain_time = milliseconds(options.drain_timeout);
  server.auto_truncate = options.auto_truncate == "true";
  const bool local = !server.unix_socket.empty() || server.host.starts_with("127.") || server.host == "::1";
  server.page = options.page.empty() ? local : options.page == "true";
  server.openai_errors = options.openai_errors == "nested" ? server::ErrorStyle::openai_nested : server::ErrorStyle::openai;
  server.log_format = options.log_format == "json" ? server::LogFormat::json : server::LogFormat::text;
  if (!options.default_prompt.empty()) server.default_prompt = options.default_prompt;
  if (!options.default_prompt_name.empty()) server.default_prompt_name = options.default_prompt_name;
  server.api_keys = keys_of(options);
  if (server.cors_origins.size() == 1 && server.cors_origins[0] == "none") server.cors_origins.clear();
  return server;
}

// Command line, then BERTH_*, then the file, then TEI's variables.
void apply_settings(const Command& command, ServeCommand& options) {
  apply_environment(command.app(), "BERTH_", {"isa", "help"});
  if (!options.config.empty()) apply_file(command.app(), options.config);
  if (!options.tei_env) return;
  apply_environment(command.app(), {{"MODEL_ID", "--model"},
                                    {"PORT", "--port"},
                                    {"MAX_BATCH_TOKENS", "--max-batch-tokens"},
                                    {"MAX_CLIENT_BATCH_SIZE", "--max-client-batch-size"},
                                    {"AUTO_TRUNCATE", "--auto-truncate"},
                                    {"DEFAULT_PROMPT_NAME", "--default-prompt-name"},
                                    {"DEFAULT_PROMPT", "--default-prompt"},
                                    {"UDS_PATH", "--uds-path"},
                                    {"PAYLOAD_LIMIT", "--payload-limit"},
                                    {"API_KEY", "--api-key"},
                                    {"CORS_ALLOW_ORIGIN", "--cors-allow-origin"}});
}

}  // namespace

void add_serve(CommandLine& line) {
  Command command = line.add_command("serve", "Answer HTTP requests as text-embeddings-inference and OpenAI's embeddings do");
  const auto options = std::make_shared<ServeCommand>();
  command
      .add_option("-m,--model", options->models,
                  "Model directory, or NAME=DIR; may be repeated: the first answers requests that name none; default: berth's own models")
      .type_name("[NAME=]DIR")
      .repeatable();
  command.add_option("--profile", options->profiles, "Profile that /v1/classify answers by (docs/triage.md), called NAME or as the file; may be repeated")
      .type_name("[NAME=]FILE")
      .repeatable();
  command.add_option("--adapter", options->adapters, std::string(kAdapterDescription) + "; of several models NAME=ADAPTER; may be repeated")
      .type_name("[NAME=]ADAPTER")
      .repeatable();
  add_run_model_options(command, options->model);
  add_address_options(command, options->server, options->config);
  add_limits(command, *options);
  add_behaviour(command, *options);
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    apply_settings(command, *options);
    options->precision_given = command.given("--precision");
    server::ServerOptions server = server_options(*options);
    server.settings = describe_settings(command.app(), {"api-key"});
    line.run = [server = std::move(server), &line] { line.status = server::serve(server); };
  });
}

void add_health(CommandLine& line) {
  Command command = line.add_command("health", "Ask a server whether it is well, as a container's check");
  const auto options = std::make_shared<ServeCommand>();
  add_address_options(command, options->server, options->config);
  command.add_flag("--live", options->live, "Only whether it answers at all");
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    apply_environment(command.app(), "BERTH_", {"help"});
    line.run = [options, &line] { line.status = server::check_health(options->server, options->live); };
  });
}

}  // namespace berth::cli
