#include <mpf/base/json_writer.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "base/json_bytes.hpp"
#include "base/utf8.hpp"

namespace mpf {
namespace {

template <class T>
void append_number(std::string& out, T number) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  out.append(buffer.data(), end);
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      out += "\\u00";
      out += "0123456789abcdef"[c >> 4];
      out += "0123456789abcdef"[c & 15];
  }
}

}  // namespace

void JsonWriter::append_quoted(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    std::size_t plain = json_bytes::plain_prefix(text);
    while (plain < text.size() && static_cast<unsigned char>(text[plain]) >= 0x80) {
      const std::size_t length = utf8::sequence_length(text.substr(plain));
      if (length == 0) break;
      plain += length;
    }
    out_.append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    if (json_bytes::is_plain(c)) continue;
    if (c >= 0x80) {
      out_ += "\xEF\xBF\xBD";  // U+FFFD
    } else {
      append_escaped(out_, c);
    }
    text.remove_prefix(1);
  }
  out_ += '"';
}

void JsonWriter::append_integer(std::int64_t number) { append_number(out_, number); }
void JsonWriter::append_unsigned(std::uint64_t number) { append_number(out_, number); }

void JsonWriter::append_double(double number) {
  if (std::isfinite(number)) {
    append_number(out_, number);
  } else {
    out_ += "null";
  }
}

void JsonWriter::append_float(float number) {
  if (std::isfinite(number)) {
    append_number(out_, number);
  } else {
    out_ += "null";
  }
}

}  // namespace mpf
