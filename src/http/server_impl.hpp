#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/http/server.hpp>

#include "http/proxies.hpp"

namespace mpf::http {

class Shard;

class Server::Impl final : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(fiber::Runtime& of_runtime, const Router& of_router, ServerOptions with_options);
  ~Impl();

  void start();
  void stop(std::chrono::milliseconds grace) noexcept;

  /// stop() waits until all that was retained is released: shards, open connections, running handlers. Any
  /// thread.
  void retain() noexcept { retained_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  fiber::Runtime& runtime;
  const Router& router;
  const ServerOptions options;
  const ProxyList proxies;
  const std::string server_line;  ///< "Server: mpf\r\n" or nothing
  std::atomic<std::uint16_t> port{0};
  std::atomic<std::size_t> open{0};  ///< connections
  std::atomic<bool> stopping{false};

 private:
  template <class Fn>
  void on_shards(Fn fn);
  bool wait_until_released(fiber::TimePoint until);

  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<std::size_t> retained_{0};
  std::mutex mutex_;
  std::vector<std::shared_ptr<fiber::Waiter>> waiters_;  // for retained_ to become 0
  bool started_ = false;
};

}  // namespace mpf::http
