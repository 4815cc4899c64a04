#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace mpf::test {

struct RawResponse {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string() : it->second;
  }
};

/// A socket to a server on this machine that sends and receives exactly the bytes it is told. Waits up to
/// ten seconds for anything.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd_);
      throw std::runtime_error("cannot connect");
    }
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// False when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void end() { ::shutdown(fd_, SHUT_WR); }

  /// Receives once; false at the end of the stream or on a reset.
  bool receive() {
    pollfd poll{fd_, POLLIN, 0};
    if (::poll(&poll, 1, 10'000) <= 0) throw std::runtime_error("the server is silent");
    char bytes[64 * 1024];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  bool pending(std::chrono::milliseconds wait) {
    pollfd poll{fd_, POLLIN, 0};
    return !received_.empty() || ::poll(&poll, 1, static_cast<int>(wait.count())) > 0;
  }

  /// The next answer; nothing when the server closed before one was complete.
  std::optional<RawResponse> response(bool head_request = false) {
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    RawResponse response;
    const std::string head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    response.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t stop = head.find("\r\n", at);
      const std::size_t colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      response.headers.emplace(name, head.substr(colon + 2, stop - colon - 2));
      at = stop + 2;
    }
    if (head_request || response.status < 200 || response.status == 204 || response.status == 304)
      return response;
    const std::size_t length = std::stoul(response.header("content-length"));
    while (received_.size() < length) {
      if (!receive()) return std::nullopt;
    }
    response.body = received_.substr(0, length);
    received_.erase(0, length);
    return response;
  }

  /// Reads to the end; true when nothing more came and the server closed.
  bool closed() {
    const std::size_t before = received_.size();
    while (receive()) {
    }
    return received_.size() == before;
  }

  std::string& received() { return received_; }

 private:
  int fd_;
  std::string received_;
};

/// One request over an own connection.
inline RawResponse fetch(std::uint16_t port, std::string_view bytes) {
  RawClient client(port);
  client.send(bytes);
  auto response = client.response();
  if (!response) throw std::runtime_error("the server closed without an answer");
  return *response;
}

}  // namespace mpf::test
