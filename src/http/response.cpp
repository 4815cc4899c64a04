#include <algorithm>
#include <array>
#include <utility>

#include <mpf/base/text.hpp>
#include <mpf/http/message.hpp>

#include "http/text.hpp"

namespace mpf::http {

namespace {

Response with_body(std::string body, std::string_view content_type, int status) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

bool is_cookie_value(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
  });
}

bool is_cookie_path(std::string_view path) noexcept {
  return std::all_of(path.begin(), path.end(), [](char c) { return c >= ' ' && c < 0x7f && c != ';'; });
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 46> content_types{{
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"xhtml", "application/xhtml+xml; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"xml", "application/xml; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"log", "text/plain; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"markdown", "text/markdown; charset=utf-8"},
    {"yaml", "application/yaml; charset=utf-8"},
    {"yml", "application/yaml; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"bmp", "image/bmp"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"pdf", "application/pdf"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"mp3", "audio/mpeg"},
    {"m4a", "audio/mp4"},
    {"ogg", "audio/ogg"},
    {"oga", "audio/ogg"},
    {"opus", "audio/ogg"},
    {"wav", "audio/wav"},
    {"flac", "audio/flac"},
    {"mp4", "video/mp4"},
    {"m4v", "video/mp4"},
    {"webm", "video/webm"},
    {"ogv", "video/ogg"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
}};

}  // namespace

Response Response::text(std::string body, int status) {
  return with_body(std::move(body), "text/plain; charset=utf-8", status);
}

Response Response::html(std::string body, int status) {
  return with_body(std::move(body), "text/html; charset=utf-8", status);
}

Response Response::json_text(std::string json, int status) {
  return with_body(std::move(json), "application/json", status);
}

Response Response::redirect(std::string_view location, int status) {
  Response response;
  response.status = status;
  response.headers.add("Location", location);
  return response;
}

Response Response::no_content() {
  Response response;
  response.status = 204;
  return response;
}

Response Response::send_file(std::filesystem::path path, std::string_view content_type) {
  Response response;
  response.headers.add("Content-Type", content_type);
  response.file = FileBody{std::move(path), {}};
  return response;
}

Response& Response::cookie(const Cookie& cookie) {
  if (!is_token(cookie.name) || !is_cookie_value(cookie.value) || !is_cookie_path(cookie.path)) {
    throw Error(ErrorKind::internal,
                "cookie '" + cookie.name + "' has characters that a cookie cannot have: encode them before");
  }
  std::string text = cookie.name + "=" + cookie.value;
  if (!cookie.path.empty()) text += "; Path=" + cookie.path;
  if (cookie.max_age) text += "; Max-Age=" + std::to_string(cookie.max_age->count());
  if (cookie.http_only) text += "; HttpOnly";
  if (cookie.secure) text += "; Secure";
  switch (cookie.same_site) {
    case Cookie::SameSite::strict:
      text += "; SameSite=Strict";
      break;
    case Cookie::SameSite::lax:
      text += "; SameSite=Lax";
      break;
    case Cookie::SameSite::none:
      text += "; SameSite=None";
      break;
  }
  headers.add("Set-Cookie", text);
  return *this;
}

std::string_view content_type_for(std::string_view file_name) noexcept {
  const std::size_t dot = file_name.rfind('.');
  if (dot != std::string_view::npos) {
    const std::string_view ending = file_name.substr(dot + 1);
    for (const auto& [known, type] : content_types) {
      if (iequals(known, ending)) return type;
    }
  }
  return "application/octet-stream";
}

}  // namespace mpf::http
