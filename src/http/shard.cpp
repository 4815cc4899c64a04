#include "http/shard.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <mpf/base/random.hpp>
#include <mpf/telemetry/log.hpp>

#include "fiber/loop_impl.hpp"
#include "http/connection.hpp"
#include "http/date.hpp"

namespace mpf::http {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view id_digits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t id_prefix_length = 8;
constexpr std::size_t id_count_length = 7;
constexpr milliseconds accept_pause{100};

/// Timeouts are looked at in ticks: one timer a loop instead of one that moves with every request.
milliseconds tick_for(const ServerOptions& options) {
  const auto shortest = std::min({options.header_timeout, options.body_timeout, options.idle_timeout});
  return std::clamp(shortest / 8, milliseconds(5), milliseconds(500));
}

}  // namespace

Shard::Shard(Server::Impl& of_server, fiber::Loop& on_loop)
    : server(of_server),
      loop(on_loop),
      io(fiber::io_context(on_loop)),
      tick_every_(tick_for(of_server.options)) {
  std::array<std::byte, id_prefix_length> random;
  random_bytes(random);
  for (const std::byte byte : random)
    id_prefix_ += id_digits[std::to_integer<std::size_t>(byte) % id_digits.size()];
}

Shard::~Shard() = default;

void Shard::adopt(int listening_socket, const Tcp& protocol) {
  acceptor_.emplace(io, protocol, listening_socket);
}

void Shard::start() {
  if (draining_) return;
  started_ = true;
  update_clocks();
  ticks_.emplace(io);
  accept_pause_.emplace(io);
  poller_.emplace(io);
  poller_->open();
  poll();
  tick();
  wait_for_clients();
}

void Shard::wait_for_clients() {
  acceptor_->async_wait(Acceptor::wait_read,
                        [this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
                          if (!aborted && !draining_) accept();
                        });
}

void Shard::accept() {
  // Not all at once: those who are connected have their turn in between.
  constexpr int at_once = 64;
  update_clocks();
  for (int i = 0; i < at_once; ++i) {
    if (accept_one()) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log::warning("cannot accept connections: {}; trying again", std::strerror(errno));
      accept_pause_->expires_after(accept_pause);
      accept_pause_->async_wait(
          [this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
            if (!aborted && !draining_) accept();
          });
      return;
    }
    // Anything else ended that one connection before it began.
  }
  wait_for_clients();
}

/// False with errno.
bool Shard::accept_one() {
  Tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  const int socket = ::accept4(acceptor_->native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) return false;
  peer.resize(size);
  admit(socket, peer.address());
  return true;
}

void Shard::admit(int socket, const boost::asio::ip::address& peer) {
  const std::size_t limit = server.options.max_connections;
  const std::size_t open = server.open.load(std::memory_order_relaxed);
  if (open >= limit + limit / 8 + 16) {  // too many even of those that are being refused
    ::close(socket);
    return;
  }
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto position = connections_.emplace(connections_.end());
  *position = std::make_shared<Connection>(*this, socket, peer, position);
  const std::shared_ptr<Connection> connection = *position;  // it may close at once
  connection->start(open >= limit);
}

void Shard::poll() {
  poller_->async_wait([this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
    if (aborted || !poller_) return;
    update_clocks();
    in_turn_ = true;
    poller_->turn();
    in_turn_ = false;
    gone_.clear();
    if (draining_) finish_if_drained();
    if (poller_) poll();
  });
}

void Shard::tick() {
  ticks_->expires_after(tick_every_);
  ticks_->async_wait([this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
    if (aborted || !ticks_) return;
    update_clocks();
    for (auto it = connections_.begin(); it != connections_.end();) {
      const std::shared_ptr<Connection> connection = *it++;
      connection->on_tick(now_);
    }
    if (ticks_) tick();
  });
}

void Shard::drain() {
  if (draining_) return;
  draining_ = true;
  if (!started_) {
    acceptor_.reset();
    server.release();
    return;
  }
  // Those that wait in the kernel's queue have been promised an answer.
  while (accept_one() || errno == ECONNABORTED || errno == EINTR) {
  }
  acceptor_.reset();
  accept_pause_.reset();
  for (auto it = connections_.begin(); it != connections_.end();) {
    const std::shared_ptr<Connection> connection = *it++;
    connection->drain();
  }
  finish_if_drained();
}

void Shard::abort() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const std::shared_ptr<Connection> connection = *it++;
    connection->abort();
  }
}

void Shard::remove(ConnectionList::iterator position) noexcept {
  // Events of this turn may still mean it.
  if (in_turn_) {
    gone_.splice(gone_.end(), connections_, position);
  } else {
    connections_.erase(position);
  }
  finish_if_drained();
}

void Shard::finish_if_drained() noexcept {
  if (!draining_ || acceptor_ || !connections_.empty() || !ticks_ || in_turn_) return;
  ticks_.reset();
  poller_.reset();
  server.release();
}

void Shard::update_clocks() {
  now_ = fiber::SteadyClock::now();
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec == date_) return;
  date_ = now.tv_sec;
  date_line_ = "Date: " + format_date(date_) + "\r\n";
}

void Shard::next_id(std::string& id) {
  id = id_prefix_;
  const std::uint64_t count = ++id_count_;
  for (std::size_t digit = id_count_length; digit-- > 0;) id += id_digits[count >> (5 * digit) & 31];
}

}  // namespace mpf::http
