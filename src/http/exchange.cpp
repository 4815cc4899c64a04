#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include <mpf/base/text.hpp>
#include <mpf/telemetry/log.hpp>

#include "fiber/loop_impl.hpp"
#include "http/connection.hpp"
#include "http/date.hpp"
#include "http/problem.hpp"
#include "http/status.hpp"
#include "http/text.hpp"

namespace mpf::http {

namespace {

constexpr std::size_t copied_body = 16 * 1024;  // a smaller body goes along in the head's buffer
constexpr std::size_t kept_output = 64 * 1024;
constexpr std::size_t file_piece = 256 * 1024;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

/// Fields that only the connection may say.
bool is_framing_field(std::string_view name) noexcept {
  switch (name.size()) {
    case 4:
      return iequals(name, "Date");
    case 10:
      return iequals(name, "Connection") || iequals(name, "Keep-Alive");
    case 12:
      return iequals(name, "X-Request-Id");
    case 14:
      return iequals(name, "Content-Length");
    case 17:
      return iequals(name, "Transfer-Encoding");
    default:
      return false;
  }
}

bool has_no_body(int status) noexcept { return status < 200 || status == 204 || status == 304; }

/// An open file and its first bytes.
class OpenFile {
 public:
  /// Blocks. Leaves the file closed, with errno in error, when it cannot be opened or is no regular file.
  explicit OpenFile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status {};
    if (fd_ < 0) {
      error = errno;
    } else if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
      error = ENOENT;
    } else {
      size = static_cast<std::uint64_t>(status.st_size);
      modified = status.st_mtim;
    }
  }
  OpenFile(OpenFile&& other) noexcept
      : error(other.error), size(other.size), modified(other.modified), fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// Blocks. Less than wanted only at the end of the file; nothing when it cannot be read.
  std::optional<std::size_t> read(char* into, std::size_t wanted, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < wanted) {
      const ssize_t got = ::pread(fd_, into + done, wanted - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::nullopt;
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  int error = 0;
  std::uint64_t size = 0;
  timespec modified{};

 private:
  int fd_;
};

std::string etag_of(const OpenFile& file) {
  std::string tag = "\"";
  std::array<char, 16> digits;
  const auto add = [&](std::uint64_t number) {
    tag.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr);
  };
  add(static_cast<std::uint64_t>(file.modified.tv_sec) * 1'000'000'000u +
      static_cast<std::uint64_t>(file.modified.tv_nsec));
  tag += '-';
  add(file.size);
  return tag + '"';
}

}  // namespace

void Connection::handle() {
  phase_ = Phase::handling;
  running_ = true;
  const bool started =
      fiber::start(shard_.loop, "http request", [self = shared_from_this()] { self->exchange(); });
  if (started) return;
  running_ = false;
  close();  // the runtime is stopping
}

void Connection::exchange() noexcept {
  fiber_ = fiber::running_state();
  bool sent = false;
  try {
    run_handler();
    sent = true;
  } catch (const Gone&) {
  } catch (const fiber::Cancelled&) {
  } catch (const std::exception& error) {
    log::error("request {} ended without an answer: {}", request_.id, error.what());
  }
  dispatching_ = false;
  fiber_ = nullptr;
  running_ = false;
  if (phase_ == Phase::closed) return settle();
  if (!sent) return close();
  finish_exchange();
}

void Connection::run_handler() {
  Response response = [&] {
    const fiber::DeadlineScope deadline(shard_.now() + handler_timeout_);
    dispatching_ = true;
    return shard_.server.router.dispatch(request_);
  }();
  dispatching_ = false;
  if (phase_ == Phase::closed) throw Gone{};
  if (!pumping_) shard_.update_clocks();  // the handler has waited for something
  if (shard_.server.stopping.load(std::memory_order_relaxed)) keep_alive_ = false;
  if (const auto connection = response.headers.find("Connection");
      connection && has_element(*connection, "close")) {
    keep_alive_ = false;
  }
  if (response.file) return respond_file(std::move(response));
  respond(std::move(response));
}

/// After an answer: on to the next request.
void Connection::finish_exchange() {
  if (output_.capacity() > kept_output) output_ = std::string();
  if (!keep_alive_) {
    if (begin_ != end_) return linger();
    return close();
  }
  phase_ = Phase::idle;
  needs_input_ = begin_ == end_;
  if (!pumping_) shard_.update_clocks();
  if (needs_input_ && shard_.server.stopping.load(std::memory_order_relaxed)) return close();
  deadline_ = shard_.now() + shard_.server.options.idle_timeout;
  // Mostly the loop waits in pump() for this handler, and goes on by itself.
  if (!pumping_ && (!needs_input_ || readable_)) pump_later();
}

void Connection::respond(Response response) {
  int status = response.status;
  if (status < 200 || status > 599) {
    log::error("a handler answered request {} with status {}, which is none", request_.id, status);
    response = problem_response(500, "internal", "The answer cannot be sent", request_.id);
    status = 500;
  }
  if (status == 200 && (request_.method == Method::get || request_.method == Method::head)) {
    const auto etag = response.headers.find("ETag");
    if (etag && request_.headers.find("If-None-Match"))
      status = evaluate_conditions(request_, {0, *etag, {}});
    if (status == 412) status = 200;  // conditions other than If-None-Match are the handler's matter
  }
  const std::string_view shared = response.shared_body ? *response.shared_body : std::string_view();
  const std::size_t length = response.body.size() + shared.size() + response.body_end.size();
  output_.clear();
  append_head(response, status, length);
  if (request_.method == Method::head || has_no_body(status)) return send_all({output_});
  if (length > copied_body) return send_all({output_, response.body, shared, response.body_end});
  output_.append(response.body).append(shared).append(response.body_end);
  send_all({output_});
}

void Connection::respond_file(Response response) {
  const FileBody& body = *response.file;
  std::vector<char> piece;
  const OpenFile file = fiber::offload([&] { return OpenFile(body.path); });
  if (file.error != 0) {
    log::warning("request {}: cannot send {}: {}", request_.id, body.path.string(),
                 std::strerror(file.error));
    const bool missing = file.error == ENOENT || file.error == ENOTDIR || file.error == ELOOP;
    return respond(Response::problem(
        Error(missing ? ErrorKind::not_found : ErrorKind::internal, "the file cannot be sent"), request_.id));
  }
  const std::string etag = body.etag.empty() ? etag_of(file) : body.etag;
  const Representation content{file.size, etag, file.modified.tv_sec};
  Selection selection{response.status, 0, file.size};
  if (response.status == 200) selection = select_content(request_, content);
  if (!response.headers.find("ETag")) response.headers.add("ETag", etag);
  if (!response.headers.find("Last-Modified")) {
    response.headers.add("Last-Modified", format_date(file.modified.tv_sec));
  }
  response.headers.set("Accept-Ranges", "bytes");
  if (selection.status == 412 || selection.status == 416) {
    Response refusal = problem_response(
        selection.status, selection.status == 416 ? "range_not_satisfiable" : "precondition_failed",
        selection.status == 416 ? "The file is shorter" : "The file has changed", request_.id);
    if (selection.status == 416) refusal.headers.set("Content-Range", "bytes */" + std::to_string(file.size));
    return respond(std::move(refusal));
  }
  if (selection.status == 206) {
    response.headers.set("Content-Range", "bytes " + std::to_string(selection.offset) + "-" +
                                              std::to_string(selection.offset + selection.length - 1) + "/" +
                                              std::to_string(file.size));
  }
  output_.clear();
  append_head(response, selection.status, selection.length);
  if (request_.method == Method::head || has_no_body(selection.status) || selection.length == 0) {
    return send_all({output_});
  }
  std::string_view head = output_;
  std::uint64_t offset = selection.offset;
  std::uint64_t left = selection.length;
  while (left > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, file_piece));
    piece.resize(wanted);
    const auto got = fiber::offload([&] { return file.read(piece.data(), wanted, offset); });
    if (!got || *got < wanted) {
      log::warning("request {}: {} became shorter or unreadable while it was sent", request_.id,
                   body.path.string());
      throw Gone{};  // the length has been promised: only closing tells the client
    }
    send_all({head, std::string_view(piece.data(), wanted)});
    head = {};
    offset += wanted;
    left -= wanted;
  }
}

/// `length` is left out of answers that have no body by their status.
void Connection::append_head(const Response& response, int status, std::optional<std::uint64_t> length) {
  output_ += "HTTP/1.1 ";
  append_number(output_, static_cast<std::uint64_t>(status));
  output_ += ' ';
  output_ += status_phrase(status);
  output_ += "\r\n";
  output_ += shard_.server.server_line;
  output_ += shard_.date_line();
  if (length && !has_no_body(status)) {
    output_ += "Content-Length: ";
    append_number(output_, *length);
    output_ += "\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (is_framing_field(name)) continue;
    output_ += name;
    output_ += ": ";
    output_ += value;
    output_ += "\r\n";
  }
  output_ += "X-Request-Id: ";
  output_ += request_.id;
  if (!keep_alive_) {
    output_ += "\r\nConnection: close";
  } else if (framing_.http_1_0) {
    output_ += "\r\nConnection: keep-alive";
  }
  output_ += "\r\n\r\n";
}

void Connection::send_all(std::initializer_list<std::string_view> texts) {
  std::array<iovec, 4> pieces;
  int count = 0;
  for (const std::string_view text : texts) {
    if (text.empty()) continue;
    pieces[static_cast<std::size_t>(count++)] = {const_cast<char*>(text.data()), text.size()};
  }
  send_all(pieces.data(), count);
}

void Connection::send_all(iovec* pieces, int count) {
  while (count > 0) {
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = static_cast<std::size_t>(count);
    constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const int fd = socket_;
    const ssize_t result =
        count == 1 ? ::send(fd, pieces->iov_base, pieces->iov_len, flags) : ::sendmsg(fd, &message, flags);
    if (result < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) throw Gone{};
      wait_writable();
      continue;
    }
    auto sent = static_cast<std::size_t>(result);
    while (count > 0 && sent >= pieces->iov_len) {
      sent -= pieces->iov_len;
      ++pieces;
      --count;
    }
    if (count > 0) {
      pieces->iov_base = static_cast<char*>(pieces->iov_base) + sent;
      pieces->iov_len -= sent;
    }
  }
}

void Connection::wait_writable() {
  fiber::Waiter waiter;
  writer_ = &waiter;
  bool ready = false;
  try {
    ready = waiter.wait_until(fiber::SteadyClock::now() + shard_.server.options.write_timeout);
  } catch (...) {
    writer_ = nullptr;
    throw;
  }
  writer_ = nullptr;
  if (!ready || phase_ == Phase::closed) throw Gone{};
}

}  // namespace mpf::http
