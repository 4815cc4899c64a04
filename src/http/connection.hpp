#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
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
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shard& shard, Socket socket, const boost::asio::ip::address& peer,
             ConnectionList::iterator position);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  void refuse_overload();
  void on_tick(fiber::TimePoint now);
  void drain();
  void abort();

 private:
  enum class Phase { idle, head, body, handling, lingering, closed };

  /// Thrown in the handler's fiber when the client cannot be sent anything more.
  struct Gone final {};

  // connection.cpp: what the client sends.
  void read();
  void on_read(const boost::system::error_code& code, std::size_t size);
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
  void send_all(std::string_view first, std::string_view second);
  void send_all(iovec* pieces, int count);
  void wait_writable();
  void settle() noexcept;

  Shard& shard_;
  Socket socket_;
  const ConnectionList::iterator position_;
  const std::string peer_;
  const bool trusted_peer_;
  Phase phase_ = Phase::idle;
  fiber::TimePoint deadline_ = fiber::TimePoint::max();
  bool reading_ = false;
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
  Request request_;
  std::string output_;
};

}  // namespace mpf::http
