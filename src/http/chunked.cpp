#include "http/chunked.hpp"

#include <algorithm>

#include "http/text.hpp"

namespace mpf::http {

namespace {

constexpr std::size_t max_digits = 15;
constexpr std::size_t max_extension = 256;
constexpr std::size_t max_trailers = 8 * 1024;

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_field_char(char c) noexcept {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

std::size_t ChunkedDecoder::feed(std::string_view input, std::string& body, std::size_t limit) {
  std::size_t at = 0;
  while (at < input.size() && state_ == State::more) {
    if (step_ == Step::data) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
      body.append(input.substr(at, piece));
      at += piece;
      left_ -= piece;
      if (left_ == 0) step_ = Step::data_cr;
      continue;
    }
    feed_line_byte(input[at++]);
    if (step_ == Step::data && left_ > limit - std::min(limit, body.size())) fail(State::too_large);
  }
  return at;
}

void ChunkedDecoder::feed_line_byte(char c) {
  switch (step_) {
    case Step::size:
      if (const int digit = hex_value(c); digit >= 0) {
        if (++digits_ > max_digits) return fail(State::too_large);
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      } else if (digits_ > 0 && c == ';') {
        step_ = Step::extension;
      } else if (digits_ > 0 && c == '\r') {
        step_ = Step::size_lf;
      } else {
        fail(State::malformed);
      }
      return;
    case Step::extension:
      if (c == '\r') {
        step_ = Step::size_lf;
      } else if (!is_field_char(c) || ++overhead_ > max_extension) {
        fail(State::malformed);
      }
      return;
    case Step::size_lf:
      if (c != '\n') return fail(State::malformed);
      step_ = left_ > 0 ? Step::data : Step::trailer_start;
      digits_ = 0;
      overhead_ = 0;
      return;
    case Step::data_cr:
      if (c != '\r') return fail(State::malformed);
      step_ = Step::data_lf;
      return;
    case Step::data_lf:
      if (c != '\n') return fail(State::malformed);
      step_ = Step::size;
      return;
    case Step::trailer_start:
      if (c == '\r') {
        step_ = Step::last_lf;
      } else if (is_token({&c, 1})) {
        step_ = Step::trailer;
      } else {
        fail(State::malformed);
      }
      return;
    case Step::trailer:
      if (c == '\r') {
        step_ = Step::trailer_lf;
      } else if (!is_field_char(c) || ++overhead_ > max_trailers) {
        fail(State::malformed);
      }
      return;
    case Step::trailer_lf:
      if (c != '\n') return fail(State::malformed);
      step_ = Step::trailer_start;
      return;
    case Step::last_lf:
      state_ = c == '\n' ? State::done : State::malformed;
      return;
    case Step::data:
      return;
  }
}

}  // namespace mpf::http
