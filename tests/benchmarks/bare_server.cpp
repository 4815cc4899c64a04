#include "benchmarks/bare_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace mpf::bench {

namespace {

struct Client {
  int fd;
  std::size_t unsent = 0;   // bytes of the answer that wait for room
  std::size_t matched = 0;  // bytes of the empty line seen so far
  std::size_t owed = 0;     // answers to requests that came meanwhile
  bool waiting = false;     // for room
};

int listening_socket(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    throw std::runtime_error("cannot listen for the bare server");
  }
  return fd;
}

class Loop {
 public:
  Loop(const std::string& answer, int listening)
      : answer_(answer), listening_(listening), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listening_, &event);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        auto* client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!client) {
          accept();
        } else if (!serve(*client, events[static_cast<std::size_t>(i)].events)) {
          ::close(client->fd);
          delete client;
        }
      }
    }
  }

 private:
  void accept() {
    for (;;) {
      const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = new Client{fd};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }

  bool serve(Client& client, std::uint32_t events) {
    if (events & EPOLLIN) {
      std::array<char, 8192> bytes;
      const ssize_t got = ::recv(client.fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) return false;
      for (const char c : std::string_view(bytes.data(), static_cast<std::size_t>(got))) {
        constexpr std::string_view end = "\r\n\r\n";
        client.matched = c == end[client.matched] ? client.matched + 1 : c == '\r' ? 1 : 0;
        if (client.matched < end.size()) continue;
        client.matched = 0;
        ++client.owed;
      }
    }
    return send(client);
  }

  bool send(Client& client) {
    while (client.owed > 0 || client.unsent > 0) {
      if (client.unsent == 0) {
        --client.owed;
        client.unsent = answer_.size();
      }
      const ssize_t sent =
          ::send(client.fd, answer_.data() + answer_.size() - client.unsent, client.unsent, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        return watch(client, EPOLLIN | EPOLLOUT);
      }
      client.unsent -= static_cast<std::size_t>(sent);
      if (client.unsent == 0 && client.waiting) watch(client, EPOLLIN);
    }
    return true;
  }

  bool watch(Client& client, std::uint32_t events) {
    client.waiting = (events & EPOLLOUT) != 0;
    epoll_event event{};
    event.events = events;
    event.data.ptr = &client;
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event) == 0;
  }

  const std::string& answer_;
  int listening_;
  int epoll_;
};

}  // namespace

BareServer::BareServer(std::string answer, unsigned loops)
    : answer_(std::move(answer)), loops_(loops), first_socket_(listening_socket(0)) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(first_socket_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
}

void BareServer::start() {
  for (unsigned i = 0; i < loops_; ++i) {
    const int socket = i == 0 ? first_socket_ : listening_socket(port_);
    std::thread([this, socket] { Loop(answer_, socket).run(); }).detach();
  }
}

}  // namespace mpf::bench
