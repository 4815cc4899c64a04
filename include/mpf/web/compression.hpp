#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <mpf/http/message.hpp>
#include <mpf/http/router.hpp>

namespace mpf::web {

struct CompressionOptions {
  std::size_t min_bytes = 1024;              ///< smaller bodies are sent as they are
  std::size_t max_bytes_on_loop = 8 * 1024;  ///< larger ones are compressed off the loop
  std::size_t max_bytes = 16 * 1024 * 1024;  ///< larger ones are sent as they are
  int level = 5;                             ///< 1 (fast) to 9 (small)
};

/// Compresses answers 200 of text for clients that take gzip, with Vary and an entity tag of its own. Leaves
/// alone what has a Content-Encoding already, files, and shared bodies, whose owner prepares them
/// (SharedText). Whoever answers with a secret beside something that the asker could choose says
/// "Cache-Control: no-transform": the size of what is compressed together tells about it.
http::Middleware compress_answers(CompressionOptions options = {});

/// A text that many answers carry, kept with its compressed form and entity tag: what a cache holds.
/// Immutable, any thread; answers share the texts and copy nothing.
///
///     const auto list = ctx.cache().get<web::SharedText>(key, group, [&] { return web::SharedText(json());
///     }); return list->answer(ctx.request(), "application/json");
class SharedText {
 public:
  /// Compresses at the highest level that is worth it, off the loop when the text is large.
  explicit SharedText(std::string text);

  const std::string& text() const noexcept { return *text_; }

  /// `head` and the text as one body, compressed if the client takes it. The head is not compressed, so it
  /// may be a secret. ETag and Vary are set; If-None-Match is answered 304 by the server.
  http::Response answer(const http::Request& request, std::string_view content_type,
                        std::string head = {}) const;

  /// Bytes of memory, for the cache.
  friend std::size_t cache_weight(const SharedText& text) noexcept {
    return sizeof(SharedText) + text.text_->capacity() + (text.deflated_ ? text.deflated_->capacity() : 0);
  }

 private:
  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const std::string> deflated_;  ///< null where it is no smaller
  std::uint32_t crc_ = 0;
  std::string tag_;
};

}  // namespace mpf::web
