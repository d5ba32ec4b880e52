// One connection of the server. Only http_server.cpp and connection.cpp know Boost.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "apps/server/connection_memory.hpp"
#include "apps/server/http_server.hpp"

namespace berth::server {

using StreamSocket = boost::asio::generic::stream_protocol::socket;
class Connection;

inline constexpr std::size_t kFirstRead = 2048;  // what an idle connection holds; most requests fit

// What all connections of a server share.
struct Shared {
  Shared(const HttpLimits& limits_, HttpHandler& handler_) : limits(limits_), handler(handler_), bodies(limits_.body_memory) {}
  const HttpLimits limits;
  HttpHandler& handler;
  Budget bodies;
  HttpServer::Counts counts;
  std::atomic<bool> leaving{false};   // responses ask for the end of their connections
  std::atomic<bool> draining{false};  // and connections without a request end
  std::mutex mutex;
  std::unordered_set<Connection*> open;  // under the mutex
};

// Everything happens on the connection's strand; a handler that is under way keeps the connection alive.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(StreamSocket socket, Shared& shared);
  ~Connection();
  void start();
  // From any thread: closes now, or after the response that is under way.
  void begin_drain();

 private:
  enum class State { idle, reading, waiting, writing, closed };
  using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol, boost::asio::any_io_executor>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using ErrorCode = boost::system::error_code;

  void await_request();
  void read_begin();
  bool request_began();
  void read_header();
  void on_header(ErrorCode error);
  void read_body();
  void on_read(ErrorCode error);
  void dispatch();
  void watch_peer();
  void on_peer_event(ErrorCode error);
  void set_deadline();
  void answer(const CallPointer& call, Response&& response);
  void refuse(int status);
  void write(Response&& response, bool head_only);
  void on_written(ErrorCode error);
  void linger();
  void discard();
  void close();

  Shared& shared_;
  Stream stream_;
  boost::asio::steady_timer deadline_;
  FirstBlock<kFirstRead> first_block_;
  boost::beast::basic_flat_buffer<FirstBlockAllocator<char, kFirstRead>> buffer_;
  std::optional<Parser> parser_;
  Share body_share_;
  CallPointer call_;
  State state_ = State::idle;
  bool keep_alive_ = false, http_1_0_ = false, watching_ = false, unread_ = false;
  std::string head_, body_;  // of the response that is written
  std::size_t discarded_ = 0;
};

}  // namespace berth::server
