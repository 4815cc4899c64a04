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
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/db/postgres.hpp>

namespace mpf::test {

/// Stands between clients and a server on 127.0.0.1, and does harm: to each connection after a number of
/// bytes from either side, or at a word of the client's, or to all at once.
class Gate {
 public:
  enum class Harm { none, delay, cut, garble, silence };
  enum class From { server, client };

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
  void plan(Harm harm, std::size_t after, unsigned char with = 0, From from = From::server) {
    const std::scoped_lock lock(mutex_);
    plan_ = {harm, from, after, with, {}};
  }
  /// The same, where a client says that word: to what begins with it, or to what answers it.
  void plan_at(std::string word, Harm harm, From from) {
    const std::scoped_lock lock(mutex_);
    plan_ = {harm, from, 0, 0, std::move(word)};
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

  struct Plan {
    Harm harm = Harm::none;
    From from = From::server;
    std::size_t after = 0;
    unsigned char with = 0;
    std::string word;  ///< until the client has said it, there is no harm
  };

  void pump(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Plan plan;
    {
      const std::scoped_lock lock(mutex_);
      plan = plan_;
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
      if (ends[0].revents != 0) open = relay(client, server, From::client, plan);
      if (open && ends[1].revents != 0) open = relay(server, client, From::server, plan);
    }
    ::close(client);
    ::close(server);
  }

  /// What there is to read; false when the connection is to end.
  static bool relay(int from, int to, From side, Plan& plan) {
    unsigned char bytes[4096];
    const auto got = ::recv(from, bytes, sizeof bytes, 0);
    auto size = static_cast<std::size_t>(got > 0 ? got : 0);
    if (side == From::client && !plan.word.empty()) {
      const std::string_view text(reinterpret_cast<const char*>(bytes), size);
      if (const std::size_t at = text.find(plan.word); at != std::string_view::npos) {
        plan.word.clear();
        plan.after = plan.from == From::client ? at : 0;
      }
    }
    const bool harmed = plan.from == side && plan.word.empty();
    const Harm harm = harmed && size > plan.after ? plan.harm : Harm::none;
    if (harm == Harm::delay) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    if (harm == Harm::cut) size = plan.after;
    if (harm == Harm::garble) bytes[plan.after] ^= plan.with;
    if (harm == Harm::silence) size = plan.after;
    if (size > 0 && ::send(to, bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) return false;
    if (harmed) plan.after -= std::min(plan.after, size);
    if (harm == Harm::delay || harm == Harm::garble) plan.harm = Harm::none;
    return got > 0 && harm != Harm::cut;
  }

  const std::uint16_t server_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> swallowing_{false};
  std::mutex mutex_;
  Plan plan_;
  std::vector<std::thread> pumps_;
  std::thread acceptor_;
};

inline db::PostgresOptions through(const Gate& gate, db::PostgresOptions options) {
  options.host = "127.0.0.1";
  options.port = gate.port();
  options.tls = db::PostgresOptions::Tls::disable;
  return options;
}

}  // namespace mpf::test
