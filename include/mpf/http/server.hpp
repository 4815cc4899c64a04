#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <mpf/fiber/runtime.hpp>
#include <mpf/http/router.hpp>

namespace mpf::http {

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;                 ///< 0: any free one, see port()
  std::size_t max_header_bytes = 16 * 1024;  ///< request line and fields; more is 431
  std::size_t max_target_bytes = 8 * 1024;   ///< more is 414
  std::size_t max_body_bytes = 1024 * 1024;  ///< more is 413, before it is read where its length is told
  std::size_t max_connections = 10'000;      ///< of the server; more are answered 503 and closed
  std::chrono::milliseconds header_timeout{
      10'000};                                     ///< from the first byte to the end of the header; then 408
  std::chrono::milliseconds body_timeout{30'000};  ///< for the whole body; then 408
  std::chrono::milliseconds idle_timeout{60'000};  ///< between requests of a kept connection
  std::chrono::milliseconds write_timeout{30'000};    ///< without progress
  std::chrono::milliseconds handler_timeout{30'000};  ///< deadline of the handler's fiber; then 504
  std::vector<std::string>
      trusted_proxies;              ///< addresses, networks (10.0.0.0/8) whose X-Forwarded-For/-Proto count
  std::string server_name = "mpf";  ///< Server header; empty: none
};

/// HTTP/1.1 server: a listening socket per loop (SO_REUSEPORT), connections as callbacks with reused buffers,
/// a fiber per running handler. Pipelined requests are answered in order.
class Server {
 public:
  /// The runtime and the router outlive the server.
  Server(fiber::Runtime& runtime, const Router& router, ServerOptions options);
  /// stop(0s).
  ~Server();

  /// Binds and accepts. Error(unavailable) naming address and port, with what to do, when the port is in use
  /// or not allowed.
  void start();

  std::uint16_t port() const noexcept;

  /// Stops accepting, lets running requests end for up to that long, then cancels their fibers, closes, and
  /// returns when none of its handlers runs any more. From any thread outside the loops or a fiber that is no
  /// handler of this server.
  void stop(std::chrono::milliseconds grace) noexcept;

  std::size_t connection_count() const noexcept;

  class Impl;  // hidden

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace mpf::http
