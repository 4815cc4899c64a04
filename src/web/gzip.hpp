#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::web {

/// Whether a request takes gzip: named, or by "*", with a weight above zero.
bool accepts_gzip(const http::Request& request);

bool is_text(std::string_view content_type) noexcept;

/// The text as a gzip file; empty when that is hardly smaller. Level 1 to 9.
std::string gzip(std::string_view text, int level);

/// The text as the end of a deflate stream that anything may stand before; empty when that is hardly smaller.
std::string deflate_end(std::string_view text, int level);

std::uint32_t crc_of(std::string_view text) noexcept;

/// What stands around deflate_end() so that all of it is one gzip file of `head` and the text.
struct GzipFrame {
  std::string begin;
  std::string end;
};
GzipFrame gzip_around(std::string_view head, std::uint32_t text_crc, std::size_t text_size);

}  // namespace mpf::web
