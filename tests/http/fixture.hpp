#pragma once

#include <string>
#include <utility>

#include <mpf/fiber/runtime.hpp>
#include <mpf/http/router.hpp>
#include <mpf/http/server.hpp>

#include "http/raw_client.hpp"

namespace mpf::test {

/// A server on a free port. Routes are added before start().
class TestServer {
 public:
  explicit TestServer(http::ServerOptions options = {}, std::size_t loops = 2)
      : options_(std::move(options)), runtime_({.loops = loops}) {
    options_.port = 0;
  }

  http::Router& router() { return router_; }
  http::ServerOptions& options() { return options_; }
  fiber::Runtime& runtime() { return runtime_; }

  std::uint16_t start() {
    server_ = std::make_unique<http::Server>(runtime_, router_, options_);
    server_->start();
    return server_->port();
  }

  http::Server& server() { return *server_; }

 private:
  http::ServerOptions options_;
  fiber::Runtime runtime_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

inline std::string get_request(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
}

}  // namespace mpf::test
