#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace mpf::test {

/// Stands between clients and a server on 127.0.0.1, and does harm: to each connection after a number of
/// bytes from the server, or to all at once.
class Gate {
 public:
  enum class Harm { none, delay, cut, garble, silence };

  explicit Gate(std::uint16_t server)
      : server_(server), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~Gate() {
    stopping_ = true;
    acceptor_.join();
    for (auto& each : pumps_) each.join();
    ::close(listener_);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  /// For connections from now on.
  void plan(Harm harm, std::size_t after, unsigned char with = 0) {
    const std::scoped_lock lock(mutex_);
    harm_ = harm;
    after_ = after;
    with_ = with;
  }

  /// Nothing comes through any more, either way and on any connection, and none is closed, as where the
  /// network swallows all; false: what was held goes on.
  void swallow(bool all) { swallowing_ = all; }

 private:
  void accept_all() {
    while (!stopping_) {
      pollfd waited{listener_, POLLIN, 0};
      if (::poll(&waited, 1, 10) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) pumps_.emplace_back([this, client] { pump(client); });
    }
  }

  void pump(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Harm harm;
    std::size_t left;
    unsigned char with;
    {
      const std::scoped_lock lock(mutex_);
      harm = harm_;
      left = after_;
      with = with_;
    }
    while (swallowing_ && !stopping_) ::poll(nullptr, 0, 1);
    bool open = ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    while (open && !stopping_) {
      if (swallowing_) {
        ::poll(nullptr, 0, 1);
        continue;
      }
      pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(ends, 2, 10) <= 0) continue;
      unsigned char bytes[4096];
      if (ends[0].revents != 0) {
        const auto got = ::recv(client, bytes, sizeof bytes, 0);
        open = got > 0 && ::send(server, bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
      }
      if (open && ends[1].revents != 0) {
        const auto got = ::recv(server, bytes, sizeof bytes, 0);
        auto size = static_cast<std::size_t>(got > 0 ? got : 0);
        const bool now = harm != Harm::none && size > left;
        if (now) {
          if (harm == Harm::delay) std::this_thread::sleep_for(std::chrono::milliseconds(30));
          if (harm == Harm::cut) size = left;
          if (harm == Harm::garble) bytes[left] ^= with;
          if (harm == Harm::silence) size = 0;
        }
        if (size > 0 && ::send(client, bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) open = false;
        if (now && harm == Harm::cut) open = false;
        if (now && harm != Harm::silence) harm = Harm::none;
        left -= std::min(left, size);
        if (now && harm == Harm::silence) left = 0;
        open = open && got > 0;
      }
    }
    ::close(client);
    ::close(server);
  }

  const std::uint16_t server_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> swallowing_{false};
  std::mutex mutex_;
  Harm harm_ = Harm::none;
  std::size_t after_ = 0;
  unsigned char with_ = 0;
  std::vector<std::thread> pumps_;
  std::thread acceptor_;
};

}  // namespace mpf::test
