#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/chunked.hpp"
#include "http/file_answer.hpp"
#include "http/head_parser.hpp"
#include "http/shard.hpp"

namespace mpf::http {

/// One client. Callbacks on the loop read requests into a buffer that is reused; a fiber runs the handler and
/// sends the answer; then the next request is read. All on the loop's thread.
class Connection final : public std::enable_shared_from_this<Connection>, private Poller::Watched {
 public:
  /// Takes over the socket.
  Connection(Shard& shard, int socket, const boost::asio::ip::address& peer,
             ConnectionList::iterator position);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void start(bool overloaded);
  void on_tick(fiber::TimePoint now);
  void drain();
  void abort();

 private:
  enum class Phase { idle, head, body, handling, lingering, closed };

  /// Thrown in the handler's fiber when the client cannot be sent anything more.
  struct Gone final {};

  // connection.cpp: what the client sends.
  void on_ready(std::uint32_t events) override;
  void pump();
  void pump_later();
  bool receive();
  void advance();
  bool take_head();
  void begin_body();
  bool take_body();
  void refuse(int status, std::string_view code, std::string_view detail);
  void linger();
  void close() noexcept;
  void make_room();
  std::string_view unread() const noexcept { return {input_.data() + begin_, end_ - begin_}; }

  // exchange.cpp: what the client is answered, in the fiber.
  void handle();
  void exchange() noexcept;
  void run_handler();
  void finish_exchange();
  void respond(Response response);
  void respond_file(Response response);
  void append_head(const Response& response, int status, std::optional<std::uint64_t> length);
  void send_all(std::initializer_list<std::string_view> texts);  ///< at most four
  void send_all(iovec* pieces, int count);
  void wait_writable();
  void settle() noexcept;

  Shard& shard_;
  int socket_;
  const ConnectionList::iterator position_;
  const std::string peer_;
  const bool trusted_peer_;
  Phase phase_ = Phase::idle;
  fiber::TimePoint deadline_ = fiber::TimePoint::max();
  bool needs_input_ = true;  // nothing goes on without more bytes
  bool readable_ = false;    // there may be bytes to receive
  bool hung_up_ = false;     // the client has ended its side
  bool pumping_ = false;
  fiber::Waiter* writer_ = nullptr;  // of the fiber that waits for room
  bool keep_alive_ = true;
  bool running_ = false;  // the fiber exists
  bool settled_ = false;
  fiber::State* fiber_ = nullptr;  // while running_

  std::vector<char> input_;
  std::size_t begin_ = 0;  // of what is not used yet
  std::size_t end_ = 0;
  HeadScanner scanner_;
  Framing framing_;
  std::uint64_t body_left_ = 0;
  std::size_t body_limit_ = 0;
  ChunkedDecoder chunks_;
  fiber::Duration handler_timeout_{};
  bool cancel_when_gone_ = false;
  bool dispatching_ = false;  // the handler, not the sending of its answer
  Request request_;
  std::string output_;
};

}  // namespace mpf::http
