// The server of bytes: connections, HTTP/1.1, limits and deadlines. A few threads serve any number of connections; a connection that waits costs memory only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "apps/server/http.hpp"

namespace berth::server {

struct HttpLimits {
  std::size_t header_bytes = 16384;
  std::size_t header_fields = 100;
  std::size_t body_bytes = std::size_t{32} << 20;
  std::size_t body_memory = std::size_t{256} << 20;  // of all bodies that are read or worked on
  std::size_t connections = 16384;
  std::chrono::milliseconds idle{75000};     // a connection between requests
  std::chrono::milliseconds header{10000};   // from a request's first byte to the end of its header
  std::chrono::milliseconds body{30000};     // of the whole body
  std::chrono::milliseconds write{60000};    // of the whole response
  std::chrono::milliseconds request{60000};  // from the end of the body to the response: 504
};

// What happens above HTTP. Called by the server's threads, several at once.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Calls call->respond() now or later, from any thread.
  virtual void handle(const CallPointer& call) = 0;
  // What takes the place of a response that did not come in time.
  virtual Response timed_out(const Call& call) = 0;
  // What answers a request that never became a call: 400, 408, 413, 429 or 431.
  virtual Response refused(int status) = 0;
  // A response is on its way, or (status 0) nobody was there for it any more.
  virtual void finished(const Call& call, int status, std::size_t bytes) noexcept = 0;
};

class HttpServer {
 public:
  struct Counts {
    std::atomic<std::size_t> connections{0}, accepted{0}, refused{0};  // open; ever, with those refused; closed unread: too many, or no memory
  };

  HttpServer(const HttpLimits& limits, HttpHandler& handler, int threads);
  // Stops at once what still runs.
  ~HttpServer();

  // `host` is an address ("127.0.0.1", "::1"). Port 0: any; the port is returned. std::runtime_error naming the address when that fails.
  std::uint16_t listen(const std::string& host, std::uint16_t port);
  // A socket file, replaced where a stale one is there, with these permissions.
  void listen_unix(const std::string& path, unsigned mode);

  // Begins to serve and returns.
  void start();
  // From now on each response ends its connection, so that clients and proxies come to have none.
  void leave() noexcept;
  // No new connections; those without a request close, the others after their response. True when all were closed within the time.
  bool drain(std::chrono::milliseconds time);

  const Counts& counts() const noexcept;
  std::size_t body_bytes() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::server
