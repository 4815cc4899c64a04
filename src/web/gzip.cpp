#include "web/gzip.hpp"

#include <zlib.h>

#include <algorithm>

#include <mpf/base/text.hpp>

namespace mpf::web {

namespace {

constexpr int gzip_format = 15 + 16;
constexpr int bare_format = -15;

std::string compressed(std::string_view text, int level, int format) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, format, 9, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (!done || out.size() > text.size() / 10 * 9) return {};
  out.shrink_to_fit();
  return out;
}

void append_little_endian(std::string& out, std::uint32_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

}  // namespace

bool accepts_gzip(const http::Request& request) {
  for (const std::string_view part : split(request.header("Accept-Encoding"), ',')) {
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    const std::string_view coding = trim(part.substr(0, semicolon));
    if (!iequals(coding, "gzip") && coding != "*") continue;
    std::string weight;
    for (const char c : part.substr(semicolon)) {
      if (c != ' ' && c != '\t') weight += c;
    }
    const bool refused = weight.starts_with(";q=0") && weight.find_first_not_of("0.", 3) == std::string::npos;
    return !refused;
  }
  return false;
}

bool is_text(std::string_view content_type) noexcept {
  return content_type.starts_with("text/") || content_type.find("json") != std::string_view::npos ||
         content_type.find("xml") != std::string_view::npos || content_type == "application/wasm";
}

std::string gzip(std::string_view text, int level) { return compressed(text, level, gzip_format); }

std::string deflate_end(std::string_view text, int level) { return compressed(text, level, bare_format); }

std::uint32_t crc_of(std::string_view text) noexcept {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

GzipFrame gzip_around(std::string_view head, std::uint32_t text_crc, std::size_t text_size) {
  constexpr std::string_view header("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  constexpr std::size_t longest_block = 65535;
  GzipFrame frame;
  frame.begin.reserve(header.size() + head.size() + 5 * (head.size() / longest_block + 1));
  frame.begin = header;
  for (std::string_view rest = head; !rest.empty();) {
    const auto block = rest.substr(0, longest_block);
    const auto length = static_cast<std::uint32_t>(block.size());
    frame.begin += '\0';  // stored, and not the last one
    append_little_endian(frame.begin, length, 2);
    append_little_endian(frame.begin, ~length & 0xffff, 2);
    frame.begin += block;
    rest.remove_prefix(block.size());
  }
  const auto crc = crc32_combine(crc_of(head), text_crc, static_cast<z_off_t>(text_size));
  append_little_endian(frame.end, static_cast<std::uint32_t>(crc), 4);
  append_little_endian(frame.end, static_cast<std::uint32_t>(head.size() + text_size), 4);
  return frame;
}

}  // namespace mpf::web
