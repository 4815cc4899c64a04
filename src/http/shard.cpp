#include "http/shard.hpp"

#include <time.h>

#include <algorithm>
#include <array>

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
  ticks_.emplace(io);
  accept_pause_.emplace(io);
  accept();
  tick();
}

void Shard::accept() {
  acceptor_->async_accept(
      io, [this, self = server.shared_from_this()](const boost::system::error_code& code, Socket socket) {
        on_accept(code, std::move(socket));
      });
}

void Shard::on_accept(const boost::system::error_code& code, Socket socket) {
  if (draining_) return;
  if (!code) {
    admit(std::move(socket));
  } else if (code == boost::system::errc::too_many_files_open ||
             code == boost::system::errc::too_many_files_open_in_system ||
             code == boost::system::errc::not_enough_memory || code == boost::system::errc::no_buffer_space) {
    log::warning("cannot accept connections: {}; trying again", code.message());
    accept_pause_->expires_after(accept_pause);
    accept_pause_->async_wait(
        [this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
          if (!aborted && !draining_) accept();
        });
    return;
  }
  accept();
}

void Shard::admit(Socket socket) {
  boost::system::error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  const std::size_t limit = server.options.max_connections;
  const std::size_t open = server.open.load(std::memory_order_relaxed);
  if (open >= limit + limit / 8 + 16) return;  // too many even of those that are being refused
  const auto peer = socket.remote_endpoint(ignored);
  if (ignored) return;  // gone already
  const auto position = connections_.emplace(connections_.end());
  *position = std::make_shared<Connection>(*this, std::move(socket), peer.address(), position);
  // Held here too: it may close at once.
  const std::shared_ptr<Connection> connection = *position;
  if (open >= limit) {
    connection->refuse_overload();
  } else {
    connection->start();
  }
}

void Shard::tick() {
  ticks_->expires_after(tick_every_);
  ticks_->async_wait([this, self = server.shared_from_this()](const boost::system::error_code& aborted) {
    if (aborted || !ticks_) return;
    const auto now = fiber::SteadyClock::now();
    for (auto it = connections_.begin(); it != connections_.end();) {
      const std::shared_ptr<Connection> connection = *it++;
      connection->on_tick(now);
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
  for (;;) {
    boost::system::error_code code;
    acceptor_->non_blocking(true, code);
    Socket socket(io);
    acceptor_->accept(socket, code);
    if (code) break;
    admit(std::move(socket));
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
  connections_.erase(position);
  finish_if_drained();
}

void Shard::finish_if_drained() noexcept {
  if (!draining_ || acceptor_ || !connections_.empty() || !ticks_) return;
  ticks_.reset();
  server.release();
}

fiber::TimePoint Shard::now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // the steady clock's own epoch
  return fiber::TimePoint(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::string_view Shard::date_line() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_) {
    date_ = now.tv_sec;
    date_line_ = "Date: " + format_date(date_) + "\r\n";
  }
  return date_line_;
}

void Shard::next_id(std::string& id) {
  id = id_prefix_;
  const std::uint64_t count = ++id_count_;
  for (std::size_t digit = id_count_length; digit-- > 0;) id += id_digits[count >> (5 * digit) & 31];
}

}  // namespace mpf::http
