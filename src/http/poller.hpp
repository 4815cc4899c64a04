#pragma once

#include <cstdint>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace mpf::http {

/// Tells sockets what they are ready for, once for each change. All sockets of a shard lie in an epoll set of
/// their own, which hangs in the loop's: that spares each request the read that finds nothing and an
/// operation of the loop. Loop's thread only.
class Poller {
 public:
  class Watched {
   public:
    /// `events` as of epoll. The object must live until the end of the turn (on_turn_end of start()).
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Watched() = default;
  };

  explicit Poller(boost::asio::io_context& io) : descriptor_(io) {}
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Throws std::system_error when the system has no descriptors left.
  void open();

  /// Until its descriptor is closed, which ends the watch. False when the system refuses.
  bool watch(int socket, Watched& watched) noexcept;

  /// Looks after the loop has found something ready; then wait for it again.
  void turn();

  template <class Fn>
  void async_wait(Fn fn) {
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read, std::move(fn));
  }

  void close() noexcept;

 private:
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
};

}  // namespace mpf::http
