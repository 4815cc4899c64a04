#include <algorithm>
#include <string>

#include <mpf/base/json_reader.hpp>

#include "base/json_bytes.hpp"
#include "base/utf8.hpp"

/// The tokens of JsonReader.
namespace mpf {
namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

void JsonReader::malformed(std::string_view message) const {
  const std::string_view before(begin_, static_cast<std::size_t>(at_ - begin_));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is the first line's 0
  const std::size_t column = 1 + before.size() - line_start;
  throw ValidationError("", "syntax",
                        "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " +
                            (at_ == end_ ? "the text ends too early, " : "") + std::string(message));
}

void JsonReader::skip_space() noexcept {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

bool JsonReader::take(char c) noexcept {
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  return true;
}

void JsonReader::expect_word(std::string_view word) {
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  if (!rest.starts_with(word)) malformed("expected a value");
  at_ += word.size();
}

std::string_view JsonReader::scan_number() {
  const char* const start = at_;
  const auto digits = [this] {
    if (at_ == end_ || !is_digit(*at_)) malformed("expected a digit");
    while (at_ != end_ && is_digit(*at_)) ++at_;
  };
  take('-');
  if (take('0')) {
    if (at_ != end_ && is_digit(*at_)) malformed("numbers have no leading zeros");
  } else {
    digits();
  }
  if (take('.')) digits();
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    digits();
  }
  return {start, static_cast<std::size_t>(at_ - start)};
}

std::string_view JsonReader::scan_string(std::string& scratch) {
  if (!take('"')) malformed("expected a string");
  const char* piece = at_;  // what has not been copied yet
  bool escaped = false;
  for (;;) {
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    at_ += json_bytes::plain_prefix(rest);
    if (at_ == end_) malformed("expected '\"'");
    const auto c = static_cast<unsigned char>(*at_);
    if (c >= 0x80) {
      const std::size_t length = utf8::sequence_length({at_, static_cast<std::size_t>(end_ - at_)});
      if (length == 0) malformed("malformed UTF-8");
      at_ += length;
    } else if (c == '"') {
      const std::string_view last(piece, static_cast<std::size_t>(at_ - piece));
      ++at_;
      if (!escaped) return last;
      scratch.append(last);
      return scratch;
    } else if (c == '\\') {
      if (!escaped) scratch.clear();
      escaped = true;
      scratch.append(piece, at_);
      ++at_;
      append_escape(scratch);
      piece = at_;
    } else if (c < 0x20) {
      malformed("a control character must be written as an escape");
    }
  }
}

void JsonReader::append_escape(std::string& out) {
  if (at_ == end_) malformed("expected an escape");
  switch (*at_++) {
    case '"':
      out += '"';
      return;
    case '\\':
      out += '\\';
      return;
    case '/':
      out += '/';
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      --at_;
      malformed("unknown escape");
  }
  std::uint32_t point = scan_hex4();
  if (point >= 0xDC00 && point <= 0xDFFF) malformed("the second half of a surrogate pair stands alone");
  if (point >= 0xD800 && point <= 0xDBFF) {
    const bool paired = take('\\') && take('u');
    const std::uint32_t low = paired ? scan_hex4() : 0;
    if (low < 0xDC00 || low > 0xDFFF) malformed("the first half of a surrogate pair stands alone");
    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
  }
  utf8::append(out, point);
}

std::uint32_t JsonReader::scan_hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ == end_ ? '\0' : *at_;
    if (is_digit(c)) {
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<std::uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      value = value * 16 + static_cast<std::uint32_t>(c - 'A' + 10);
    } else {
      malformed("expected four hexadecimal digits");
    }
  }
  return value;
}

}  // namespace mpf
