#include "apps/server/serve.hpp"

#include <csignal>
#include <iostream>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "apps/server/http_server.hpp"
#include "apps/server/service.hpp"

namespace berth::server {
namespace {

// Connections are descriptors: as many as the system lets this process have.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

sigset_t waited_for() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

// The next signal, or 0 after a second.
int next_signal(const sigset_t& signals) {
  const timespec second{1, 0};
  const int number = sigtimedwait(&signals, nullptr, &second);
  return number < 0 ? 0 : number;
}

}  // namespace

int serve(const ServerOptions& options) {
  // Blocked before any thread begins, so that all threads leave them to this one.
  const sigset_t signals = waited_for();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  constexpr std::size_t kOwnDescriptors = 64;  // or half of them, where there are few
  ServerOptions own = options;
  const std::size_t descriptors = raise_descriptor_limit();
  own.http.connections = std::min(own.http.connections, descriptors - std::min(kOwnDescriptors, descriptors / 2));

  Service service(own);
  const Log& log = service.log();
  for (const auto& [name, value] : own.settings) log.info("option", {{"name", name}, {"value", value}});
  service.models().check_profiles();
  if (!own.lazy) service.models().load_all();
  HttpServer server(own.http, service, own.io_threads);
  service.set_server(&server);
  if (own.unix_socket.empty()) {
    own.port = server.listen(own.host, own.port);
  } else {
    server.listen_unix(own.unix_socket, 0660);
  }
  server.start();
  const bool v6 = own.host.find(':') != std::string::npos;
  const std::string url =
      own.unix_socket.empty() ? "http://" + (v6 ? "[" + own.host + "]" : own.host) + ":" + std::to_string(own.port) : "unix:" + own.unix_socket;
  log.info("listening", {{"url", url}, {"connections", std::uint64_t{own.http.connections}}, {"keys", !own.api_keys.empty()}});

  for (;;) {
    const int number = next_signal(signals);
    service.watch_memory();
    service.return_memory();
    if (number == SIGHUP) {
      log.info("reloading", {{"reason", "SIGHUP"}});
      service.models().reload();
    }
    if (number == SIGTERM || number == SIGINT) {
      service.begin_drain();  // before it is said: who reads the line finds /ready refusing
      log.info("stopping", {{"signal", number == SIGTERM ? std::string_view("SIGTERM") : std::string_view("SIGINT")}});
      break;
    }
  }
  // A second signal ends everything at once.
  std::thread([signals] {
    for (;;) {
      int number = 0;
      if (sigwait(&signals, &number) == 0 && number != SIGHUP) ::_exit(128 + number);
    }
  }).detach();
  if (own.drain_delay.count() > 0) {
    server.leave();
    std::this_thread::sleep_for(own.drain_delay);
  }
  const bool all = server.drain(own.drain_time);
  log.info("stopped", {{"all_answered", all}});
  service.stop();
  if (!all) server.drain(std::chrono::seconds(1));  // until the last answers, 503, are written
  service.set_server(nullptr);
  return 0;
}

}  // namespace berth::server
