#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::http {

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};          ///< of the whole call; a fiber's earlier deadline wins
  std::size_t max_response_bytes = 16 * 1024 * 1024;  ///< more is Error(too_large)
  bool follow_redirects = false;
};

struct ClientRequest {
  Method method = Method::get;
  std::string url;  ///< http:// or https://, absolute
  Headers headers;
  std::string body;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

/// Calls other servers, off the loops: the fiber waits. Certificates are checked. Error(unavailable) when
/// there is no connection or it breaks, Error(timeout), Error(invalid) for a malformed URL. A status of 400
/// and above is no error. Thread-safe.
class Client {
 public:
  explicit Client(ClientOptions options = {}) : options_(options) {}

  ClientResponse send(const ClientRequest& request) const;
  ClientResponse get(std::string_view url) const;

 private:
  ClientOptions options_;
};

}  // namespace mpf::http
