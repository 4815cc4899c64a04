#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "http/poller.hpp"
#include "http/server_impl.hpp"

namespace mpf::http {

using Tcp = boost::asio::ip::tcp;
using Executor = boost::asio::io_context::executor_type;
using Acceptor = boost::asio::basic_socket_acceptor<Tcp, Executor>;
using WaitableTimer =
    boost::asio::basic_waitable_timer<fiber::SteadyClock, boost::asio::wait_traits<fiber::SteadyClock>,
                                      Executor>;

class Connection;
using ConnectionList = std::list<std::shared_ptr<Connection>>;

/// The part of a server that lives on one loop. Used on that loop's thread only.
class Shard {
 public:
  Shard(Server::Impl& of_server, fiber::Loop& on_loop);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// Takes over a listening socket. Before start(), any thread.
  void adopt(int listening_socket, const Tcp& protocol);
  void start();

  void drain();  ///< no new connections; idle ones close now, others after their answer
  void abort();  ///< closes all connections, cancels their handlers

  /// False when the system refuses.
  bool watch(int socket, Poller::Watched& watched) noexcept { return poller_->watch(socket, watched); }

  /// Called once by each connection when it closes.
  void remove(ConnectionList::iterator position) noexcept;

  /// The time when this turn of the loop began: enough for timeouts, and a clock read for many requests.
  fiber::TimePoint now() const noexcept { return now_; }
  void update_clocks();

  /// "Date: …\r\n", made once a second.
  std::string_view date_line() const noexcept { return date_line_; }
  /// Writes the id of a new request.
  void next_id(std::string& id);

  Server::Impl& server;
  fiber::Loop& loop;
  boost::asio::io_context& io;

 private:
  void wait_for_clients();
  void accept();
  bool accept_one();
  void admit(int socket, const boost::asio::ip::address& peer);
  void poll();
  void tick();
  void finish_if_drained() noexcept;

  std::optional<Acceptor> acceptor_;
  std::optional<WaitableTimer> ticks_;
  std::optional<WaitableTimer> accept_pause_;
  std::chrono::milliseconds tick_every_;
  std::optional<Poller> poller_;
  ConnectionList connections_;
  ConnectionList gone_;  // in this turn of the poller
  bool in_turn_ = false;
  bool started_ = false;
  bool draining_ = false;
  fiber::TimePoint now_ = fiber::SteadyClock::now();
  std::string date_line_;
  std::time_t date_ = 0;
  std::string id_prefix_;
  std::uint64_t id_count_ = 0;
};

}  // namespace mpf::http
