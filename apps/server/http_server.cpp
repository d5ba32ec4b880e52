#include "apps/server/http_server.hpp"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <list>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "apps/server/connection.hpp"

namespace berth::server {

namespace net = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{50};  // after an accept that failed for lack of descriptors or memory

}  // namespace

// Accepts on one address until it is closed.
template <class Protocol>
class Listener : public std::enable_shared_from_this<Listener<Protocol>> {
 public:
  Listener(net::io_context& context, Shared& shared, const typename Protocol::endpoint& endpoint)
      : context_(context), shared_(shared), acceptor_(net::make_strand(context)), pause_(acceptor_.get_executor()) {
    acceptor_.open(endpoint.protocol());
    if constexpr (std::is_same_v<Protocol, net::ip::tcp>) acceptor_.set_option(net::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(net::socket_base::max_listen_connections);
  }
  typename Protocol::endpoint endpoint() const { return acceptor_.local_endpoint(); }
  void start() {
    net::dispatch(acceptor_.get_executor(), [self = this->shared_from_this()] { self->accept(); });
  }
  void stop() {
    net::dispatch(acceptor_.get_executor(), [self = this->shared_from_this()] {
      ErrorCode error;
      self->acceptor_.non_blocking(true, error);
      while (!error) {  // those that connected already
        typename Protocol::socket socket(net::make_strand(self->context_));
        self->acceptor_.accept(socket, error);
        if (!error) self->take(std::move(socket));
      }
      self->acceptor_.close(error);
      self->pause_.cancel();
    });
  }

 private:
  void accept() {
    acceptor_.async_accept(net::make_strand(context_), [self = this->shared_from_this()](ErrorCode error, auto socket) {
      if (!self->acceptor_.is_open()) return;
      if (error && error != net::error::connection_aborted) {
        self->pause_.expires_after(kAcceptPause);
        self->pause_.async_wait([self](ErrorCode cancelled) {
          if (!cancelled) self->accept();
        });
        return;
      }
      if (!error) self->take(std::move(socket));
      self->accept();
    });
  }
  template <class Socket>
  void take(Socket socket) {
    shared_.counts.accepted.fetch_add(1);
    if (shared_.counts.connections.load() >= shared_.limits.connections) {  // closed unread
      shared_.counts.refused.fetch_add(1);
      return;
    }
    ErrorCode ignored;
    if constexpr (std::is_same_v<Protocol, net::ip::tcp>) socket.set_option(net::ip::tcp::no_delay(true), ignored);
    try {
      if (shared_.counts.connections.load() >= records_) make_records();
      std::allocate_shared<Connection>(OwnPages<Connection>(), StreamSocket(std::move(socket)), shared_)->start();
    } catch (const std::bad_alloc&) {  // closed unread
      shared_.counts.refused.fetch_add(1);
    }
  }

  // Asio keeps its record of a descriptor for the next one, for good. Many made at once lie together; made one by one they would lie between what comes
  // and goes with connections, and no page of that could be given back.
  void make_records() {
    std::vector<net::posix::stream_descriptor> descriptors;
    descriptors.reserve(kRecords);
    for (std::size_t i = 0; i < kRecords; ++i) {
      const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (descriptor < 0) break;
      ErrorCode error;
      descriptors.emplace_back(context_).assign(descriptor, error);
      if (!error) continue;
      ::close(descriptor);
      break;
    }
    records_ += kRecords;
  }

  static constexpr std::size_t kRecords = 32;
  std::size_t records_ = 0;
  net::io_context& context_;
  Shared& shared_;
  net::basic_socket_acceptor<Protocol> acceptor_;
  net::steady_timer pause_;
};

struct HttpServer::Impl {
  Impl(const HttpLimits& limits, HttpHandler& handler, int threads_) : shared(limits, handler), threads(threads_), context(threads_) {}

  Shared shared;
  int threads;
  net::io_context context;
  net::executor_work_guard<net::io_context::executor_type> work{context.get_executor()};
  std::vector<std::shared_ptr<Listener<net::ip::tcp>>> tcp;
  std::vector<std::shared_ptr<Listener<net::local::stream_protocol>>> local;
  std::vector<std::string> socket_files;
  std::vector<std::thread> pool;
};

HttpServer::HttpServer(const HttpLimits& limits, HttpHandler& handler, int threads) : impl_(std::make_unique<Impl>(limits, handler, threads)) {}

HttpServer::~HttpServer() {
  impl_->context.stop();
  for (std::thread& thread : impl_->pool) thread.join();
  for (const std::string& path : impl_->socket_files) ::unlink(path.c_str());
}

std::uint16_t HttpServer::listen(const std::string& host, std::uint16_t port) {
  try {
    const net::ip::tcp::endpoint endpoint(net::ip::make_address(host), port);
    impl_->tcp.push_back(std::make_shared<Listener<net::ip::tcp>>(impl_->context, impl_->shared, endpoint));
    return impl_->tcp.back()->endpoint().port();
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen on " + host + ":" + std::to_string(port) + ": " + error.code().message());
  }
}

void HttpServer::listen_unix(const std::string& path, unsigned mode) {
  struct stat status {};
  // A socket file that nobody listens on is left over from a server that was killed.
  if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
    net::local::stream_protocol::socket probe(impl_->context);
    ErrorCode error;
    probe.connect(net::local::stream_protocol::endpoint(path), error);
    if (error == net::error::connection_refused) ::unlink(path.c_str());
  }
  try {
    const mode_t old = ::umask(0177);
    struct Restore {
      mode_t mask;
      ~Restore() { ::umask(mask); }
    } restore{old};
    impl_->local.push_back(std::make_shared<Listener<net::local::stream_protocol>>(impl_->context, impl_->shared, net::local::stream_protocol::endpoint(path)));
    impl_->socket_files.push_back(path);
    ::chmod(path.c_str(), mode);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen on " + path + ": " + error.code().message());
  }
}

void HttpServer::start() {
  for (const auto& listener : impl_->tcp) listener->start();
  for (const auto& listener : impl_->local) listener->start();
  for (int i = 0; i < impl_->threads; ++i) impl_->pool.emplace_back([this] { impl_->context.run(); });
}

void HttpServer::leave() noexcept { impl_->shared.leaving.store(true); }

bool HttpServer::drain(std::chrono::milliseconds time) {
  leave();
  impl_->shared.draining.store(true);
  for (const auto& listener : impl_->tcp) listener->stop();
  for (const auto& listener : impl_->local) listener->stop();
  // Let go of outside of the mutex: a connection's end takes it.
  std::vector<std::shared_ptr<Connection>> connections;
  {
    const std::lock_guard lock(impl_->shared.mutex);
    for (Connection* connection : impl_->shared.open)
      if (auto alive = connection->weak_from_this().lock()) connections.push_back(std::move(alive));
  }
  for (const auto& connection : connections) connection->begin_drain();
  connections.clear();
  const auto end = Clock::now() + time;
  while (impl_->shared.counts.connections.load() > 0 && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return impl_->shared.counts.connections.load() == 0;
}

const HttpServer::Counts& HttpServer::counts() const noexcept { return impl_->shared.counts; }
std::size_t HttpServer::body_bytes() const noexcept { return impl_->shared.bodies.used(); }

}  // namespace berth::server
