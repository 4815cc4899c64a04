#include "http/connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/post.hpp>

#include <mpf/http/error_page.hpp>

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

Connection::Connection(Shard& shard, int socket, const boost::asio::ip::address& peer,
                       ConnectionList::iterator position)
    : shard_(shard),
      socket_(socket),
      position_(position),
      peer_(address_text(peer)),
      trusted_peer_(!shard.server.proxies.empty() && shard.server.proxies.contains(peer)) {
  shard_.server.retain();
  shard_.server.open.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

void Connection::start(bool overloaded) {
  deadline_ = shard_.now() + shard_.server.options.idle_timeout;
  if (!shard_.watch(socket_, *this)) return close();
  if (overloaded) refuse(503, "unavailable", "Too many connections at the moment");
}

void Connection::on_ready(std::uint32_t events) {
  if (phase_ == Phase::closed) return;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    hung_up_ = true;
    if (dispatching_ && cancel_when_gone_) fiber::detail::cancel(*fiber_);
  }
  if (events & EPOLLIN || hung_up_) readable_ = true;
  if (writer_ && (events & EPOLLOUT || hung_up_)) writer_->wake();
  pump();
}

/// Goes on until bytes, a handler or the client's patience are needed. Loop's thread outside fibers; who
/// calls holds the connection.
void Connection::pump() {
  if (pumping_) return;
  pumping_ = true;
  // Others have their turn in between.
  constexpr int at_once = 32;
  int rounds = 0;
  while (phase_ != Phase::handling && phase_ != Phase::closed && (!needs_input_ || readable_)) {
    if (++rounds > at_once) {
      pump_later();
      break;
    }
    if (needs_input_ && !receive()) continue;
    if (phase_ == Phase::lingering) {
      begin_ = end_ = 0;
      needs_input_ = true;
      continue;
    }
    advance();
  }
  pumping_ = false;
}

void Connection::pump_later() {
  boost::asio::post(shard_.io, [self = shared_from_this()] {
    if (self->phase_ == Phase::closed) return;
    self->shard_.update_clocks();
    self->pump();
  });
}

/// True when there are new bytes.
bool Connection::receive() {
  make_room();
  const std::size_t room = input_.size() - end_;
  const ssize_t got = ::recv(socket_, input_.data() + end_, room, MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return false;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    readable_ = false;
    return false;
  }
  if (got <= 0) {
    close();
    return false;
  }
  end_ += static_cast<std::size_t>(got);
  // Less than there was room for: that was all, and the next bytes are told of.
  if (static_cast<std::size_t>(got) < room && !hung_up_) readable_ = false;
  needs_input_ = false;
  return true;
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

void Connection::advance() {
  if (phase_ == Phase::idle) {
    phase_ = Phase::head;
    deadline_ = shard_.now() + shard_.server.options.header_timeout;
    scanner_.reset();
    request_.reset();
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
  if (scanner_.end() == 0) return needs_input_ = true, false;

  const std::string_view head = unread().substr(scanner_.begin(), scanner_.end() - scanner_.begin());
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
  const bool reads = request_.method == Method::get || request_.method == Method::head;
  cancel_when_gone_ = route && route->cancel_when_gone ? *route->cancel_when_gone : reads;
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
  deadline_ = shard_.now() + shard_.server.options.body_timeout;
  body_left_ = framing_.content_length.value_or(0);
  chunks_ = ChunkedDecoder();
  if (framing_.expects_continue && !framing_.http_1_0 && begin_ == end_) {
    ::send(socket_, continue_line.data(), continue_line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

/// True when the body is complete.
bool Connection::take_body() {
  if (!framing_.chunked) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, end_ - begin_));
    request_.body.append(unread().substr(0, piece));
    begin_ += piece;
    body_left_ -= piece;
    if (body_left_ > 0) return needs_input_ = true, false;
    return true;
  }
  begin_ += chunks_.feed(unread(), request_.body, body_limit_);
  switch (chunks_.state()) {
    case ChunkedDecoder::State::done:
      return true;
    case ChunkedDecoder::State::more:
      return needs_input_ = true, false;
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
  Response response = problem_response(status, code, detail, request_.id);
  // A head that was refused is there as far as it could be read.
  if (wants_page(request_)) {
    response = page_of_problem(std::move(response), request_.id);
  } else {
    response.header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  }
  response.header("X-Content-Type-Options", "nosniff");
  output_.clear();
  append_head(response, status, response.body.size());
  output_ += response.body;
  ::send(socket_, output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  linger();
}

/// Reads on for a while and forgets it: closing over unread bytes would make the client lose the answer.
void Connection::linger() {
  ::shutdown(socket_, SHUT_WR);
  phase_ = Phase::lingering;
  deadline_ = shard_.now() + linger_time;
  begin_ = end_ = 0;
  needs_input_ = true;
  if (readable_ && !pumping_) pump_later();
}

void Connection::close() noexcept {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  ::close(std::exchange(socket_, -1));
  if (writer_) writer_->wake();
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
