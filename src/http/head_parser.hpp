#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// Finds the end of a request's head in bytes that arrive piece by piece, and refuses in passing what no
/// head may have: line feeds without carriage return, folded lines, lines and heads that are too long. The
/// verdict depends on the bytes alone, not on how they were cut.
class HeadScanner {
 public:
  struct Limits {
    std::size_t target;  ///< bytes
    std::size_t head;    ///< bytes
  };

  void reset() noexcept { *this = HeadScanner(); }

  /// `data` starts with the head and is what came before and more. Returns 0 or the status of the refusal.
  /// end() tells whether the head is complete.
  int scan(std::string_view data, const Limits& limits) noexcept;

  /// Where the head begins, behind empty lines.
  std::size_t begin() const noexcept { return begin_; }
  /// Behind the empty line that ends the head; 0 while it is incomplete.
  std::size_t end() const noexcept { return end_; }

 private:
  std::size_t begin_ = 0;
  std::size_t line_ = 0;  // start of the line that is being scanned
  std::size_t scanned_ = 0;
  std::size_t end_ = 0;
};

/// What the head says about the message around it.
struct Framing {
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;

  bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }
};

/// A refused head: status and what to tell the client.
struct HeadError {
  int status;
  std::string_view detail;
};

/// Parses a complete head, fills method, target, path and headers of the request. Refuses everything that
/// two programs might understand differently.
std::optional<HeadError> parse_head(std::string_view head, Request& request, Framing& framing);

}  // namespace mpf::http
