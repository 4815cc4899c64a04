#include <mpf/web/compression.hpp>

#include <utility>

#include <mpf/base/hash.hpp>
#include <mpf/fiber/fiber.hpp>

#include "web/gzip.hpp"

namespace mpf::web {

namespace {

constexpr std::size_t worth_compressing = 1024;
constexpr std::size_t max_bytes_on_loop = 8 * 1024;
constexpr std::size_t largest = std::size_t{1} << 30;  // what zlib takes in one call, with a wide margin
constexpr int level_of_kept = 7;  // beyond it, time grows much faster than the text shrinks
constexpr std::size_t tag_length = 22;

void vary_by_encoding(http::Headers& headers) {
  const auto vary = headers.find("Vary");
  if (!vary) {
    headers.add("Vary", "Accept-Encoding");
  } else if (vary->find("Accept-Encoding") == std::string_view::npos && *vary != "*") {
    headers.set("Vary", std::string(*vary) + ", Accept-Encoding");
  }
}

/// "x" becomes "x-gz": the compressed form is a representation of its own.
void mark_tag(http::Headers& headers) {
  const auto tag = headers.find("ETag");
  if (!tag || !tag->ends_with('"')) return;
  headers.set("ETag", std::string(tag->substr(0, tag->size() - 1)) + "-gz\"");
}

bool may_change(const http::Response& response, const CompressionOptions& options) {
  if (response.status != 200 || response.file || response.shared_body) return false;
  const std::size_t size = response.body.size();
  if (size < options.min_bytes || size > options.max_bytes) return false;
  const auto& headers = response.headers;
  if (headers.find("Content-Encoding") || !is_text(headers.find("Content-Type").value_or(""))) return false;
  return headers.find("Cache-Control").value_or("").find("no-transform") == std::string_view::npos;
}

}  // namespace

http::Middleware compress_answers(CompressionOptions options) {
  return [options](http::Request& request, const http::Next& next) {
    http::Response response = next(request);
    if (!may_change(response, options)) return response;
    vary_by_encoding(response.headers);
    if (!accepts_gzip(request)) return response;
    const auto compress = [&] { return gzip(response.body, options.level); };
    std::string smaller =
        response.body.size() > options.max_bytes_on_loop ? fiber::offload(compress) : compress();
    if (smaller.empty()) return response;
    response.body = std::move(smaller);
    response.headers.set("Content-Encoding", "gzip");
    mark_tag(response.headers);
    return response;
  };
}

SharedText::SharedText(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {
  const auto prepare = [this] {
    tag_ = sha256(*text_).substr(0, tag_length);
    if (text_->size() < worth_compressing || text_->size() > largest) return;
    crc_ = crc_of(*text_);
    std::string deflated = deflate_end(*text_, level_of_kept);
    if (!deflated.empty()) deflated_ = std::make_shared<const std::string>(std::move(deflated));
  };
  if (text_->size() > max_bytes_on_loop) {
    fiber::offload(prepare);
  } else {
    prepare();
  }
}

http::Response SharedText::answer(const http::Request& request, std::string_view content_type,
                                  std::string head) const {
  http::Response response;
  auto& headers = response.headers;
  headers.add("Content-Type", content_type);
  std::string tag = "\"" + tag_;
  if (!head.empty()) tag += "-" + sha256(head).substr(0, tag_length);
  if (deflated_) headers.add("Vary", "Accept-Encoding");
  if (!deflated_ || !accepts_gzip(request)) {
    headers.add("ETag", tag + "\"");
    response.body = std::move(head);
    response.shared_body = text_;
    return response;
  }
  headers.add("Content-Encoding", "gzip");
  headers.add("ETag", tag + "-gz\"");
  auto frame = gzip_around(head, crc_, text_->size());
  response.body = std::move(frame.begin);
  response.shared_body = deflated_;
  response.body_end = std::move(frame.end);
  return response;
}

}  // namespace mpf::web
