#include <mpf/http/message.hpp>

#include <algorithm>
#include <array>

#include <mpf/base/text.hpp>

#include "http/text.hpp"

namespace mpf::http {

namespace {

constexpr std::array<std::pair<Method, std::string_view>, 7> method_names{{{Method::get, "GET"},
                                                                           {Method::head, "HEAD"},
                                                                           {Method::post, "POST"},
                                                                           {Method::put, "PUT"},
                                                                           {Method::patch, "PATCH"},
                                                                           {Method::del, "DELETE"},
                                                                           {Method::options, "OPTIONS"}}};

void check_field(std::string_view name, std::string_view value) {
  if (!is_token(name)) {
    throw Error(ErrorKind::internal, "'" + std::string(name) + "' is no name of a header field");
  }
  for (const char c : value) {
    if (c == '\r' || c == '\n' || c == '\0') {
      throw Error(ErrorKind::internal, "the value of header field " + std::string(name) +
                                           " has a line break or NUL: encode it before");
    }
  }
}

/// The media type of a Content-Type, without parameters.
std::string_view media_type(std::string_view content_type) noexcept {
  return trimmed(content_type.substr(0, content_type.find(';')));
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  return method_names[static_cast<std::size_t>(method)].second;
}

std::optional<Method> parse_method(std::string_view text) noexcept {
  for (const auto& [method, name] : method_names) {
    if (name == text) return method;
  }
  return std::nullopt;
}

std::optional<std::string_view> Headers::find(std::string_view name) const noexcept {
  for (const auto& [field, value] : fields_) {
    if (field.size() == name.size() && iequals(field, name)) return value;
  }
  return std::nullopt;
}

void Headers::set(std::string_view name, std::string_view value) {
  for (auto it = fields_.begin(); it != fields_.end(); ++it) {
    if (!iequals(it->first, name)) continue;
    check_field(name, value);
    it->second = value;
    fields_.erase(
        std::remove_if(it + 1, fields_.end(), [&](auto& field) { return iequals(field.first, name); }),
        fields_.end());
    return;
  }
  add(name, value);
}

void Headers::add(std::string_view name, std::string_view value) {
  check_field(name, value);
  constexpr std::size_t usual = 8;
  if (fields_.capacity() == 0) fields_.reserve(usual);
  fields_.emplace_back(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return iequals(field.first, name); });
}

Request::Request() = default;
Request::~Request() = default;
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;

void Request::reset() noexcept {
  constexpr std::size_t keep = 64 * 1024;
  method = Method::get;
  target.clear();
  path.clear();
  if (body.capacity() > keep) {
    body = std::string();
  } else {
    body.clear();
  }
  headers.clear();
  remote_address.clear();
  secure = false;
  id.clear();
  params_.clear();
  route_.clear();
  attachments_.clear();
}

std::string_view Request::header(std::string_view name) const noexcept {
  return headers.find(name).value_or(std::string_view{});
}

std::string Request::host() const {
  const auto found = host_of_authority(header("Host"));
  if (!found) return {};
  return to_lower_ascii(*found);
}

std::optional<std::string> Request::query(std::string_view name) const {
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(target).substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
    const std::size_t equals = std::min(part.find('='), part.size());
    if (unescape_form(part.substr(0, equals)) != name) continue;
    auto value = unescape_form(equals < part.size() ? part.substr(equals + 1) : std::string_view{});
    if (!value || !is_valid_utf8(*value)) {
      throw ValidationError(std::string(name), "syntax", "is no percent-encoded UTF-8 text");
    }
    return value;
  }
  return std::nullopt;
}

std::optional<std::string> Request::cookie(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (!iequals(field, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view part = trimmed(rest.substr(0, end));
      rest.remove_prefix(end < rest.size() ? end + 1 : end);
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos || part.substr(0, equals) != name) continue;
      std::string_view text = part.substr(equals + 1);
      if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
      return std::string(text);
    }
  }
  return std::nullopt;
}

const std::string& Request::param(std::string_view name) const {
  for (const auto& [key, value] : params_) {
    if (key == name) return value;
  }
  throw Error(ErrorKind::internal,
              "route '" + route_ + "' has no parameter '" + std::string(name) + "': see its pattern");
}

Id Request::id_param(std::string_view name) const {
  const std::string& text = param(name);
  const auto found = Id::parse(text);
  if (!found) throw Error(ErrorKind::not_found, "'" + text + "' in the path is no id");
  return *found;
}

std::vector<std::pair<std::string, std::string>> Request::form() const {
  if (!iequals(media_type(header("Content-Type")), "application/x-www-form-urlencoded")) {
    fail(ErrorKind::invalid, "Expected a form (Content-Type: application/x-www-form-urlencoded)");
  }
  auto pairs = parse_pairs(body);
  if (!pairs) fail(ErrorKind::invalid, "The form is not percent-encoded UTF-8 text");
  return std::move(*pairs);
}

void Request::require_json() const {
  const std::string_view type = media_type(header("Content-Type"));
  if (iequals(type, "application/json")) return;
  if (type.size() > 5 && iequals(type.substr(type.size() - 5), "+json")) return;
  fail(ErrorKind::invalid, "Expected JSON (Content-Type: application/json)");
}

void Request::attach_erased(std::type_index type, std::shared_ptr<void> value) {
  for (auto& [key, attachment] : attachments_) {
    if (key == type) {
      attachment = std::move(value);
      return;
    }
  }
  attachments_.emplace_back(type, std::move(value));
}

void* Request::attached_erased(std::type_index type) const noexcept {
  for (const auto& [key, attachment] : attachments_) {
    if (key == type) return attachment.get();
  }
  return nullptr;
}

}  // namespace mpf::http
