#include "http/poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace mpf::http {

void Poller::open() {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  descriptor_.assign(set);
}

bool Poller::watch(int socket, Watched& watched) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  return ::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_ADD, socket, &event) == 0;
}

void Poller::turn() {
  // What is left over makes the set ready again at once.
  std::array<epoll_event, 128> events;
  const int count =
      ::epoll_wait(descriptor_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<Watched*>(event.data.ptr)->on_ready(event.events);
  }
}

void Poller::close() noexcept {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace mpf::http
