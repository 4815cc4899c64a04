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
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "http/server_impl.hpp"

namespace mpf::http {

using Tcp = boost::asio::ip::tcp;
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<Tcp, Executor>;
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

  /// Called once by each connection when it closes.
  void remove(ConnectionList::iterator position) noexcept;

  /// The steady clock to a few milliseconds: cheaper, and enough for timeouts.
  static fiber::TimePoint now() noexcept;

  /// "Date: …\r\n", made once a second.
  std::string_view date_line();
  /// Writes the id of a new request.
  void next_id(std::string& id);

  Server::Impl& server;
  fiber::Loop& loop;
  boost::asio::io_context& io;

 private:
  void accept();
  void on_accept(const boost::system::error_code& code, Socket socket);
  void admit(Socket socket);
  void tick();
  void finish_if_drained() noexcept;

  std::optional<Acceptor> acceptor_;
  std::optional<WaitableTimer> ticks_;
  std::optional<WaitableTimer> accept_pause_;
  std::chrono::milliseconds tick_every_;
  ConnectionList connections_;
  bool started_ = false;
  bool draining_ = false;
  std::string date_line_;
  std::time_t date_ = 0;
  std::string id_prefix_;
  std::uint64_t id_count_ = 0;
};

}  // namespace mpf::http
