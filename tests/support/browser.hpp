#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mpf::test {

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

/// A visitor of one host: sends requests by a plain socket, exactly as written (no path is tidied up), keeps
/// cookies, adds the CSRF token it has been told. Blocks; for tests' own threads.
class Browser {
 public:
  Browser(std::uint16_t port, std::string host) : port_(port), host_(std::move(host)) {}

  std::string csrf;
  std::map<std::string, std::string> cookies;
  std::map<std::string, std::string> extra_headers;

  Answer get(std::string_view target) { return send("GET", target, {}, {}); }
  Answer post(std::string_view target, std::string_view json) {
    return send("POST", target, json, "application/json");
  }
  Answer patch(std::string_view target, std::string_view json) {
    return send("PATCH", target, json, "application/json");
  }

  Answer send(std::string_view method, std::string_view target, std::string_view body,
              std::string_view type) {
    std::string text;
    text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host_).append("\r\n");
    text += "Connection: close\r\n";
    if (!cookies.empty()) {
      text += "Cookie: ";
      bool first = true;
      for (const auto& [name, value] : cookies) {
        text.append(first ? "" : "; ").append(name).append("=").append(value);
        first = false;
      }
      text += "\r\n";
    }
    for (const auto& [name, value] : extra_headers)
      text.append(name).append(": ").append(value).append("\r\n");
    if (method != "GET" && method != "HEAD") {
      if (!csrf.empty()) text.append("X-CSRF-Token: ").append(csrf).append("\r\n");
      if (!type.empty()) text.append("Content-Type: ").append(type).append("\r\n");
      text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    }
    text.append("\r\n").append(body);
    Answer answer = parse(exchange(text));
    for (const auto& [name, value] : answer.headers) {
      if (name == "set-cookie") keep_cookie(value);
    }
    return answer;
  }

  /// Sends bytes as they are and gives all that comes back until the server closes.
  std::string exchange(std::string_view bytes) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("socket");
    const timeval limit{30, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string received;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd);
      throw std::runtime_error("nobody listens on port " + std::to_string(port_));
    }
    while (!bytes.empty()) {
      const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;  // the server may have answered and closed before it took everything
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    char buffer[65536];
    for (;;) {
      const auto got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      received.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    return received;
  }

  static Answer parse(std::string_view text) {
    Answer answer;
    const auto head_end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || head_end == text.npos) return answer;
    answer.status = std::stoi(std::string(text.substr(9, 3)));
    auto head = text.substr(0, head_end);
    answer.body = text.substr(head_end + 4);
    for (auto at = head.find("\r\n"); at != head.npos; at = head.find("\r\n")) {
      head.remove_prefix(at + 2);
      const auto line = head.substr(0, head.find("\r\n"));
      const auto colon = line.find(':');
      if (colon == line.npos) continue;
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      auto value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      answer.headers.emplace_back(std::move(name), value);
    }
    return answer;
  }

 private:
  void keep_cookie(std::string_view field) {
    const auto pair = field.substr(0, field.find(';'));
    const auto equals = pair.find('=');
    if (equals == pair.npos) return;
    const std::string name(pair.substr(0, equals));
    const std::string value(pair.substr(equals + 1));
    if (value.empty() || field.find("Max-Age=0") != field.npos) {
      cookies.erase(name);
    } else {
      cookies[name] = value;
    }
  }

  std::uint16_t port_;
  std::string host_;
};

}  // namespace mpf::test
