#pragma once

#include <cstdint>
#include <string>

namespace mpf::bench {

/// The least that can be called an HTTP server: an epoll loop per core, each with a listening socket of its
/// own, that answers whatever ends with an empty line by the same bytes. It parses nothing and knows no
/// timeouts; what a real server costs is measured against it. Serves until the process ends.
class BareServer {
 public:
  /// Listens at a free port of the loopback address.
  BareServer(std::string answer, unsigned loops);

  std::uint16_t port() const noexcept { return port_; }

  /// Starts the threads, which never end.
  void start();

 private:
  std::string answer_;
  unsigned loops_;
  std::uint16_t port_ = 0;
  int first_socket_ = -1;
};

}  // namespace mpf::bench
