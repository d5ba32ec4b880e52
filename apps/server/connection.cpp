#include "apps/server/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "base/utf8.hpp"

namespace berth::server {

namespace net = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kLingerBytes = std::size_t{1} << 20;  // read after a refusal, so that the client sees it before a reset
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::chrono::milliseconds kDrainIdle{250};

// "Sun, 06 Nov 1994 08:49:37 GMT", of this second.
const std::string& http_date() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != second || text.empty()) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[64];
    const int size = std::snprintf(buffer, sizeof(buffer), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                                   1900 + parts.tm_year, parts.tm_hour, parts.tm_min, parts.tm_sec);
    text.assign(buffer, static_cast<std::size_t>(size));
    second = now;
  }
  return text;
}

// The request that the parser holds, without its body's copy.
Request take_request(http::request<http::string_body>&& message) {
  Request request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {  // the absolute form, as proxies get it
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const auto question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  for (const auto& field : message)
    request.headers.emplace_back(base::lower_ascii({field.name_string().data(), field.name_string().size()}), std::string(field.value()));
  request.body = std::move(message.body());
  return request;
}

int status_of(const boost::system::error_code& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  return 400;
}

}  // namespace

std::string_view Request::header(std::string_view lower_case_name) const noexcept {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name) return value;
  return {};
}

Connection::Connection(StreamSocket socket, Shared& shared)
    : shared_(shared),
      stream_(std::move(socket)),
      deadline_(stream_.get_executor()),
      buffer_(shared.limits.header_bytes + kFirstRead, FirstBlockAllocator<char, kFirstRead>(first_block_)) {
  shared_.counts.connections.fetch_add(1);
  const std::lock_guard lock(shared_.mutex);
  shared_.open.insert(this);
}

Connection::~Connection() {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.open.erase(this);
  }
  shared_.counts.connections.fetch_sub(1);
}

void Connection::start() {
  net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->await_request(); });
}

void Connection::begin_drain() {
  net::dispatch(stream_.get_executor(), [self = shared_from_this()] {
    if (self->state_ != State::idle) return;
    ErrorCode ignored;
    if (self->stream_.socket().available(ignored) == 0) self->close();  // else a request came meanwhile
  });
}

void Connection::await_request() {
  state_ = State::idle;
  parser_.reset();
  if (request_began()) return read_header();  // pipelined
  if (buffer_.size() == 0) buffer_.shrink_to_fit();
  // Who connected as draining began sends a request at once, or has none.
  stream_.expires_after(shared_.draining.load() ? std::min<std::chrono::milliseconds>(kDrainIdle, shared_.limits.idle) : shared_.limits.idle);
  read_begin();
}

void Connection::read_begin() {
  stream_.async_read_some(buffer_.prepare(kFirstRead), [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
    if (error) return self->close();
    self->buffer_.commit(bytes);
    if (!self->request_began()) return self->read_begin();  // within the same time
    self->read_header();
  });
}

// Empty lines before a request are none of it (RFC 9112, 2.2): clients of old end a body with one.
bool Connection::request_began() {
  const auto text = [this] { return std::string_view(static_cast<const char*>(buffer_.data().data()), buffer_.size()); };
  while (text().starts_with("\r\n")) buffer_.consume(2);
  return !text().empty() && text() != "\r";
}

void Connection::read_header() {
  state_ = State::reading;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(shared_.limits.header_bytes));
  parser_->body_limit(shared_.limits.body_bytes);
  body_share_ = Share(shared_.bodies);
  stream_.expires_after(shared_.limits.header);
  http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_header(error); });
}

void Connection::on_header(ErrorCode error) {
  keep_alive_ = false;
  if (error == boost::beast::error::timeout || error == http::error::end_of_stream || error == http::error::partial_message) return close();
  if (error && error.category() != make_error_code(http::error::end_of_stream).category()) return close();  // the connection's, not the client's words
  unread_ = true;
  if (error) return refuse(status_of(error));
  const auto& message = parser_->get();
  http_1_0_ = message.version() < 11;
  if (static_cast<std::size_t>(std::distance(message.begin(), message.end())) > shared_.limits.header_fields) return refuse(431);
  if (!http_1_0_ && message.count(http::field::host) != 1) return refuse(400);
  // Other codings would leave a body that the next request begins with.
  if (message.count(http::field::transfer_encoding) > 0 && !boost::beast::iequals(message[http::field::transfer_encoding], "chunked")) return refuse(400);
  if (const auto length = parser_->content_length(); length && !body_share_.grow_to(*length)) return refuse(429);
  keep_alive_ = parser_->keep_alive();
  stream_.expires_after(shared_.limits.body);
  if (parser_->is_done()) return dispatch();
  if (!boost::beast::iequals(message[http::field::expect], "100-continue") || buffer_.size() > 0) return read_body();
  head_ = "HTTP/1.1 100 Continue\r\n\r\n";
  net::async_write(stream_, net::buffer(head_), [self = shared_from_this()](ErrorCode failed, std::size_t) {
    if (failed) return self->close();
    self->read_body();
  });
}

void Connection::read_body() {
  http::async_read_some(stream_, buffer_, *parser_, [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_read(error); });
}

void Connection::on_read(ErrorCode error) {
  if (error == boost::beast::error::timeout) {
    keep_alive_ = false;
    return close();  // a body that trickles in: nobody is left to read an answer
  }
  if (error == http::error::partial_message || error == http::error::end_of_stream) return close();
  if (error && error.category() != make_error_code(http::error::end_of_stream).category()) return close();
  if (error) {
    keep_alive_ = false;
    return refuse(status_of(error));
  }
  if (!body_share_.grow_to(parser_->get().body().capacity())) {
    keep_alive_ = false;
    return refuse(429);
  }
  if (parser_->is_done()) return dispatch();
  read_body();
}

void Connection::dispatch() {
  unread_ = false;
  stream_.expires_never();
  state_ = State::waiting;
  call_ = std::make_shared<Call>();
  call_->received = Clock::now();
  call_->body_share = std::move(body_share_);
  call_->request = take_request(parser_->release());
  parser_.reset();
  // The connection goes along with its answer, so that its end comes on its own strand, too.
  call_->set_sink([self = shared_from_this(), weak = std::weak_ptr<Call>(call_)](Call::Make make) mutable {
    const auto executor = self->stream_.get_executor();
    net::dispatch(executor, [self = std::move(self), call = weak.lock(), make = std::move(make)] {
      if (call != nullptr && call == self->call_ && self->state_ == State::waiting) self->answer(call, make());
    });
  });
  const CallPointer call = call_;
  shared_.handler.handle(call);
  if (state_ != State::waiting || call_ != call) return;  // answered at once
  set_deadline();
  watch_peer();
}

// The client's going away shows as the end of its stream. (A client that only ended its sending looks the same; most servers take that as leaving, too.)
void Connection::watch_peer() {
  if (watching_ || request_began()) return;
  watching_ = true;
  stream_.socket().async_wait(net::socket_base::wait_read, net::bind_executor(stream_.get_executor(), [self = shared_from_this()](ErrorCode error) {
                                self->watching_ = false;
                                self->on_peer_event(error);
                              }));
}

void Connection::on_peer_event(ErrorCode error) {
  if (state_ != State::waiting || error == net::error::operation_aborted) return;
  char bytes[16];
  const auto got = ::recv(stream_.socket().native_handle(), bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) {
    const std::string_view text(bytes, static_cast<std::size_t>(got));
    if (text != std::string_view("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n").substr(0, text.size() / 2 * 2))
      return;  // the next request: it is read when this one is answered
    // Empty lines are none, and behind them the client may leave.
    if (::recv(stream_.socket().native_handle(), bytes, text.size(), MSG_DONTWAIT) == got) return watch_peer();
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return watch_peer();
  const CallPointer call = std::exchange(call_, nullptr);
  state_ = State::closed;
  deadline_.cancel();
  call->abandon();
  shared_.handler.finished(*call, 0, 0);
  close();
}

void Connection::set_deadline() {
  auto time = shared_.limits.request;
  if (const std::string_view asked = call_->request.header("x-request-timeout"); !asked.empty()) {  // seconds
    double seconds = 0;
    const auto [end, failed] = std::from_chars(asked.data(), asked.data() + asked.size(), seconds);
    if (failed == std::errc() && end == asked.data() + asked.size() && seconds >= 0 && seconds < 1e6)
      time = std::min(time, std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  }
  deadline_.expires_at(call_->received + time);
  deadline_.async_wait([self = shared_from_this(), call = call_](ErrorCode error) {
    if (error || self->call_ != call) return;
    call->abandon();
    call->respond(self->shared_.handler.timed_out(*call));
  });
}

void Connection::answer(const CallPointer& call, Response&& response) {
  deadline_.cancel();
  if (watching_) stream_.socket().cancel();
  call_ = nullptr;
  const std::size_t bytes = response.body.size();
  const bool head_only = call->request.method == "HEAD";
  shared_.handler.finished(*call, response.status, bytes);
  // The result's share of memory is the connection's until it is written.
  body_share_ = std::move(call->result_share);
  write(std::move(response), head_only);
}

void Connection::refuse(int status) {
  keep_alive_ = false;
  write(shared_.handler.refused(status), false);
}

void Connection::write(Response&& response, bool head_only) {
  state_ = State::writing;
  if (shared_.leaving.load()) keep_alive_ = false;
  const auto text_of = boost::beast::http::obsolete_reason(static_cast<http::status>(response.status));
  head_ = "HTTP/1.1 ";
  head_ += std::to_string(response.status);
  head_ += ' ';
  head_.append(text_of.data(), text_of.size());
  head_ += "\r\n";
  const auto add = [this](std::string_view name, std::string_view value) { head_.append(name).append(": ").append(value).append("\r\n"); };
  if (!response.type.empty()) add("content-type", response.type);
  for (const auto& [name, value] : response.headers) add(name, value);
  if (response.status != 204) add("content-length", std::to_string(response.body.size()));
  add("date", http_date());
  if (!keep_alive_) {
    add("connection", "close");
  } else if (http_1_0_) {
    add("connection", "keep-alive");
  }
  head_ += "\r\n";
  body_ = head_only ? std::string() : std::move(response.body);
  stream_.expires_after(shared_.limits.write);
  const std::array<net::const_buffer, 2> buffers{net::buffer(head_), net::buffer(body_)};
  net::async_write(stream_, buffers, [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_written(error); });
}

void Connection::on_written(ErrorCode error) {
  body_ = std::string();
  body_share_ = Share();
  if (error) return close();
  if (keep_alive_) return await_request();
  linger();
}

// Closing a socket with unread bytes resets it, and the client might never see the answer.
void Connection::linger() {
  ErrorCode ignored;
  stream_.socket().shutdown(net::socket_base::shutdown_send, ignored);
  if (!unread_) return close();
  discarded_ = 0;
  stream_.expires_after(kLingerTime);
  discard();
}

void Connection::discard() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kFirstRead), [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
    self->discarded_ += bytes;
    if (error || self->discarded_ > kLingerBytes) return self->close();
    self->discard();
  });
}

void Connection::close() {
  state_ = State::closed;
  deadline_.cancel();
  ErrorCode ignored;
  stream_.socket().shutdown(net::socket_base::shutdown_both, ignored);
  stream_.close();
}

}  // namespace berth::server
