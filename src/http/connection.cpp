#include "http/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "http/problem.hpp"

namespace mpf::http {

namespace {

constexpr std::size_t first_buffer = 2 * 1024;
constexpr std::size_t body_buffer = 64 * 1024;
constexpr std::chrono::seconds linger_time{3};

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

std::string address_text(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

Connection::Connection(Shard& shard, Socket socket, const boost::asio::ip::address& peer,
                       ConnectionList::iterator position)
    : shard_(shard),
      socket_(std::move(socket)),
      position_(position),
      peer_(address_text(peer)),
      trusted_peer_(!shard.server.proxies.empty() && shard.server.proxies.contains(peer)) {
  shard_.server.retain();
  shard_.server.open.fetch_add(1, std::memory_order_relaxed);
}

void Connection::start() {
  boost::system::error_code code;
  socket_.non_blocking(true, code);
  deadline_ = Shard::now() + shard_.server.options.idle_timeout;
  read();
}

void Connection::refuse_overload() { refuse(503, "unavailable", "Too many connections at the moment"); }

void Connection::read() {
  if (reading_ || phase_ == Phase::closed) return;
  reading_ = true;
  make_room();
  socket_.async_read_some(
      boost::asio::buffer(input_.data() + end_, input_.size() - end_),
      [self = shared_from_this()](const boost::system::error_code& code, std::size_t size) {
        self->reading_ = false;
        if (self->phase_ != Phase::closed) self->on_read(code, size);
      });
}

void Connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (phase_ == Phase::idle && input_.size() > first_buffer && end_ == 0) input_ = std::vector<char>();
  if (end_ < input_.size()) return;
  if (begin_ > 0) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return;
  }
  // A head has its limit; bodies pass through.
  const bool big = phase_ == Phase::body || phase_ == Phase::lingering;
  input_.resize(std::max(big ? body_buffer : first_buffer, input_.size() * 2));
}

void Connection::on_read(const boost::system::error_code& code, std::size_t size) {
  if (code) return close();
  if (phase_ == Phase::lingering) {
    begin_ = end_ = 0;
    return read();
  }
  end_ += size;
  advance();
}

void Connection::advance() {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::idle) {
    if (begin_ == end_) {
      if (shard_.server.stopping.load(std::memory_order_relaxed)) return close();
      return read();
    }
    phase_ = Phase::head;
    deadline_ = Shard::now() + shard_.server.options.header_timeout;
    scanner_.reset();
  }
  if (phase_ == Phase::head && !take_head()) return;
  if (phase_ == Phase::body && !take_body()) return;
  handle();
}

/// True when the request may go on: its body follows or it is complete.
bool Connection::take_head() {
  const ServerOptions& options = shard_.server.options;
  const int refused = scanner_.scan(unread(), {options.max_target_bytes, options.max_header_bytes});
  if (refused == 414) return refuse(414, "target_too_long", "The address is too long"), false;
  if (refused == 431) return refuse(431, "header_too_large", "The header is too large"), false;
  if (refused != 0) return refuse(400, "malformed", "The header is malformed"), false;
  if (scanner_.end() == 0) return read(), false;

  const std::string_view head = unread().substr(scanner_.begin(), scanner_.end() - scanner_.begin());
  request_.reset();
  framing_ = Framing();
  shard_.next_id(request_.id);
  if (const auto error = parse_head(head, request_, framing_)) {
    return refuse(error->status, error->status == 501 ? "not_implemented" : "malformed", error->detail),
           false;
  }
  if (request_.target.size() > options.max_target_bytes) {
    return refuse(414, "target_too_long", "The address is too long"), false;
  }
  begin_ += scanner_.end();
  keep_alive_ = framing_.keep_alive;
  request_.remote_address = peer_;
  if (trusted_peer_) shard_.server.proxies.apply(request_);

  const RouteOptions* route = shard_.server.router.find_options(request_.method, request_.path);
  handler_timeout_ = route && route->timeout ? *route->timeout : options.handler_timeout;
  if (!framing_.has_body()) return true;
  body_limit_ = route && route->max_body ? *route->max_body : options.max_body_bytes;
  begin_body();
  return phase_ == Phase::body;
}

void Connection::begin_body() {
  if (framing_.content_length.value_or(0) > body_limit_) {
    return refuse(413, "too_large", "The body is larger than " + std::to_string(body_limit_) + " bytes");
  }
  phase_ = Phase::body;
  deadline_ = Shard::now() + shard_.server.options.body_timeout;
  body_left_ = framing_.content_length.value_or(0);
  chunks_ = ChunkedDecoder();
  if (framing_.expects_continue && !framing_.http_1_0 && begin_ == end_) {
    ::send(socket_.native_handle(), continue_line.data(), continue_line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

/// True when the body is complete.
bool Connection::take_body() {
  if (!framing_.chunked) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, end_ - begin_));
    request_.body.append(unread().substr(0, piece));
    begin_ += piece;
    body_left_ -= piece;
    if (body_left_ > 0) return read(), false;
    return true;
  }
  begin_ += chunks_.feed(unread(), request_.body, body_limit_);
  switch (chunks_.state()) {
    case ChunkedDecoder::State::done:
      return true;
    case ChunkedDecoder::State::more:
      return read(), false;
    case ChunkedDecoder::State::malformed:
      return refuse(400, "malformed", "The chunked body is malformed"), false;
    case ChunkedDecoder::State::too_large:
      break;
  }
  refuse(413, "too_large", "The body is larger than " + std::to_string(body_limit_) + " bytes");
  return false;
}

/// Answers what never becomes a request of a handler, and ends the connection: where the next request would
/// begin is not certain.
void Connection::refuse(int status, std::string_view code, std::string_view detail) {
  keep_alive_ = false;
  if (request_.id.empty() || phase_ == Phase::head) shard_.next_id(request_.id);
  const Response response = problem_response(status, code, detail, request_.id);
  output_.clear();
  append_head(response, status, response.body.size());
  output_ += response.body;
  ::send(socket_.native_handle(), output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  linger();
}

/// Reads on for a while and forgets it: closing over unread bytes would make the client lose the answer.
void Connection::linger() {
  boost::system::error_code ignored;
  socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  phase_ = Phase::lingering;
  deadline_ = Shard::now() + linger_time;
  begin_ = end_ = 0;
  read();
}

void Connection::close() noexcept {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  shard_.server.open.fetch_sub(1, std::memory_order_relaxed);
  const auto self = shared_from_this();
  shard_.remove(position_);
  settle();
}

/// The last use of the shard by this connection.
void Connection::settle() noexcept {
  if (phase_ != Phase::closed || running_ || settled_) return;
  settled_ = true;
  shard_.server.release();
}

void Connection::on_tick(fiber::TimePoint now) {
  if (now < deadline_) return;
  switch (phase_) {
    case Phase::idle:
    case Phase::lingering:
      return close();
    case Phase::head:
    case Phase::body:
      return refuse(408, "timeout", "The request took too long to arrive");
    case Phase::handling:
    case Phase::closed:
      return;
  }
}

void Connection::drain() {
  if (phase_ == Phase::idle && begin_ == end_) close();
}

void Connection::abort() {
  if (fiber_) fiber::detail::cancel(*fiber_);
  close();
}

}  // namespace mpf::http
