// `berth health`: what a container without a shell or curl can run as its check.
#include <array>
#include <cstring>
#include <iostream>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/server/serve.hpp"

namespace berth::server {
namespace {

class Socket {
 public:
  explicit Socket(int family) : descriptor_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{5, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  ~Socket() { ::close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

bool connect_to(const Socket& socket, const ServerOptions& options, const std::string& host) {
  if (!options.unix_socket.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options.unix_socket.size() >= sizeof(address.sun_path)) return false;
    std::memcpy(address.sun_path, options.unix_socket.c_str(), options.unix_socket.size() + 1);
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  if (host.find(':') != std::string::npos) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(options.port);
    return ::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) == 1 &&
           ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  return ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1 &&
         ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

int check_health(const ServerOptions& options, bool live) {
  // A server on all addresses is asked on loopback.
  const std::string host = options.host == "0.0.0.0" ? "127.0.0.1" : options.host == "::" ? "::1" : options.host;
  const Socket socket(!options.unix_socket.empty() ? AF_UNIX : host.find(':') != std::string::npos ? AF_INET6 : AF_INET);
  const std::string request = std::string("GET ") + (live ? "/health/live" : "/health") + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  std::string answer;
  if (!connect_to(socket, options, host) || ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    std::cerr << "berth: no server answers: " << std::strerror(errno) << '\n';  // NOLINT(concurrency-mt-unsafe)
    return 1;
  }
  std::array<char, 1024> part{};
  for (ssize_t got = 0; answer.size() < 4096 && (got = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;)
    answer.append(part.data(), static_cast<std::size_t>(got));
  if (answer.starts_with("HTTP/1.1 200")) return 0;
  const auto body = answer.find("\r\n\r\n");
  std::cerr << "berth: the server is not well: " << (answer.empty() ? "no answer" : answer.substr(0, answer.find('\r'))) << ' '
            << (body == std::string::npos ? "" : answer.substr(body + 4)) << '\n';
  return 1;
}

}  // namespace berth::server
