#include <mpf/http/server.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/post.hpp>

#include <mpf/base/error.hpp>

#include "http/server_impl.hpp"
#include "http/shard.hpp"

namespace mpf::http {

namespace {

namespace asio = boost::asio;

/// A socket that closes itself.
class OwnedSocket {
 public:
  explicit OwnedSocket(int fd) noexcept : fd_(fd) {}
  OwnedSocket(OwnedSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedSocket& operator=(OwnedSocket&&) = delete;
  ~OwnedSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void cannot_listen(const ServerOptions& options, int error) {
  const std::string where = options.address + ":" + std::to_string(options.port);
  std::string message = "cannot listen on " + where + ": " + std::strerror(error);
  switch (error) {
    case EADDRINUSE:
      message = "cannot listen on " + where +
                ": another program uses this port. Stop it (see `ss -ltnp`) or choose "
                "another port";
      break;
    case EACCES:
      message = "cannot listen on " + where +
                ": not allowed. Ports below 1024 need CAP_NET_BIND_SERVICE; choose a "
                "higher one or grant it";
      break;
    case EADDRNOTAVAIL:
      message = "cannot listen on " + where + ": no interface of this machine has that address";
      break;
    default:
      break;
  }
  throw Error(ErrorKind::unavailable, message);
}

OwnedSocket bound_socket(const ServerOptions& options, const Tcp::endpoint& endpoint, bool shared) {
  OwnedSocket socket(
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (socket.get() < 0) cannot_listen(options, errno);
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (endpoint.address().is_v6()) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    cannot_listen(options, errno);
  }
  return socket;
}

Tcp::endpoint local_endpoint(int socket) {
  Tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  ::getsockname(socket, endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint;
}

asio::ip::address parse_address(const std::string& text) {
  if (text == "localhost") return asio::ip::address_v4::loopback();
  boost::system::error_code code;
  const auto address = asio::ip::make_address(text, code);
  if (code) {
    throw Error(ErrorKind::configuration,
                "'" + text + "' is no address to listen on: write one like 127.0.0.1, 0.0.0.0 or ::");
  }
  return address;
}

}  // namespace

Server::Impl::Impl(fiber::Runtime& of_runtime, const Router& of_router, ServerOptions with_options)
    : runtime(of_runtime),
      router(of_router),
      options(std::move(with_options)),
      proxies(options.trusted_proxies),
      server_line(options.server_name.empty() ? "" : "Server: " + options.server_name + "\r\n") {
  Headers().set("Server", options.server_name);  // refuses what no header may have
}

Server::Impl::~Impl() = default;

void Server::Impl::start() {
  if (started_) throw Error(ErrorKind::internal, "the server was started before");
  Tcp::endpoint endpoint(parse_address(options.address), options.port);
  for (std::size_t i = 0; i < runtime.loop_count(); ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, runtime.loop(i)));
  }
  // Sockets that share a port also share it with another process of this user: a socket that does not share
  // finds out whether somebody is there.
  if (options.port != 0) {
    const OwnedSocket probe = bound_socket(options, endpoint, false);
    if (::listen(probe.get(), 1) != 0) cannot_listen(options, errno);
  }
  std::vector<OwnedSocket> sockets;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    sockets.push_back(bound_socket(options, endpoint, true));
    endpoint = local_endpoint(sockets.back().get());
  }
  for (const auto& socket : sockets) {
    if (::listen(socket.get(), SOMAXCONN) != 0) cannot_listen(options, errno);
  }
  port = endpoint.port();
  for (std::size_t i = 0; i < shards_.size(); ++i)
    shards_[i]->adopt(sockets[i].release(), endpoint.protocol());
  started_ = true;
  for (std::size_t i = 0; i < shards_.size(); ++i) retain();
  on_shards([](Shard& shard) { shard.start(); });
}

template <class Fn>
void Server::Impl::on_shards(Fn fn) {
  for (const auto& shard : shards_) {
    if (shard->io.stopped()) {
      fn(*shard);
    } else {
      boost::asio::post(shard->io, [self = shared_from_this(), shard = shard.get(), fn] { fn(*shard); });
    }
  }
}

void Server::Impl::stop(std::chrono::milliseconds grace) noexcept {
  if (!started_) return;
  stopping.store(true, std::memory_order_release);
  const fiber::ShieldScope shield;
  try {
    on_shards([](Shard& shard) { shard.drain(); });
    if (wait_until_released(fiber::SteadyClock::now() + grace)) return;
    on_shards([](Shard& shard) { shard.abort(); });
    wait_until_released(fiber::TimePoint::max());
  } catch (...) {
    // Out of memory at the very end: connections then end with their loops.
  }
}

bool Server::Impl::wait_until_released(fiber::TimePoint until) {
  const auto waiter = std::make_shared<fiber::Waiter>();
  {
    const std::scoped_lock lock(mutex_);
    if (retained_.load(std::memory_order_acquire) == 0) return true;
    waiters_.push_back(waiter);
  }
  if (until == fiber::TimePoint::max()) {
    waiter->wait();
    return true;
  }
  return waiter->wait_until(until);
}

void Server::Impl::release() noexcept {
  const auto self = shared_from_this();  // who waits may be faster in letting go
  if (retained_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& waiter : waiters_) waiter->wake();
  waiters_.clear();
}

Server::Server(fiber::Runtime& runtime, const Router& router, ServerOptions options)
    : impl_(std::make_shared<Impl>(runtime, router, std::move(options))) {}

Server::~Server() { impl_->stop(std::chrono::milliseconds(0)); }

void Server::start() { impl_->start(); }

std::uint16_t Server::port() const noexcept { return impl_->port.load(std::memory_order_acquire); }

void Server::stop(std::chrono::milliseconds grace) noexcept { impl_->stop(grace); }

std::size_t Server::connection_count() const noexcept { return impl_->open.load(std::memory_order_relaxed); }

}  // namespace mpf::http
