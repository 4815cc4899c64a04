#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mpf::http {

/// Takes a chunked body apart, however its bytes are cut. Strict: sizes are hexadecimal digits and nothing
/// else, lines end with CRLF, extensions and trailers are bounded, checked and dropped.
class ChunkedDecoder {
 public:
  enum class State { more, done, malformed, too_large };

  /// Appends data to `body`, which may grow up to `limit` bytes. Returns how many bytes of the input were
  /// used: all of it while the state is `more`.
  std::size_t feed(std::string_view input, std::string& body, std::size_t limit);

  State state() const noexcept { return state_; }

 private:
  enum class Step {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    last_lf
  };

  void feed_line_byte(char c);
  void fail(State state) noexcept { state_ = state; }

  State state_ = State::more;
  Step step_ = Step::size;
  std::uint64_t left_ = 0;    // of the chunk
  std::size_t digits_ = 0;    // of the size read so far
  std::size_t overhead_ = 0;  // bytes of extensions of this chunk, or of all trailers
};

}  // namespace mpf::http
