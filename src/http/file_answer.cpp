#include "http/file_answer.hpp"

#include <algorithm>

#include "http/date.hpp"
#include "http/text.hpp"

namespace mpf::http {

namespace {

std::string_view opaque(std::string_view etag) noexcept {
  return etag.starts_with("W/") ? etag.substr(2) : etag;
}

bool is_weak(std::string_view etag) noexcept { return etag.starts_with("W/"); }

bool list_matches(std::string_view list, std::string_view etag, bool strong) noexcept {
  if (trimmed(list) == "*") return true;
  if (etag.empty() || (strong && is_weak(etag))) return false;
  while (const auto element = next_element(list)) {
    if (strong && is_weak(*element)) continue;
    if (opaque(*element) == opaque(etag)) return true;
  }
  return false;
}

struct Span {
  std::uint64_t first;
  std::uint64_t last;
};

/// Nothing for a malformed element.
struct ParsedRange {
  bool valid = false;
  std::optional<Span> satisfiable;
};

ParsedRange parse_range(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = parse_decimal(trimmed(text.substr(0, dash)));
  const auto last = parse_decimal(trimmed(text.substr(dash + 1)));
  const bool has_first = !trimmed(text.substr(0, dash)).empty();
  const bool has_last = !trimmed(text.substr(dash + 1)).empty();
  if ((has_first && !first) || (has_last && !last) || (!has_first && !has_last)) return {};
  if (!has_first) {
    if (*last == 0 || size == 0) return {true, std::nullopt};
    return {true, Span{size - std::min(*last, size), size - 1}};
  }
  if (has_last && *last < *first) return {};
  if (*first >= size) return {true, std::nullopt};
  return {true, Span{*first, has_last ? std::min(*last, size - 1) : size - 1}};
}

bool range_applies(const Request& request, const Representation& content) {
  const std::string_view condition = trimmed(request.header("If-Range"));
  if (condition.empty()) return true;
  if (condition.front() == '"') return !is_weak(content.etag) && condition == content.etag;
  const auto date = parse_date(condition);
  return date && content.modified && *date == *content.modified;
}

}  // namespace

int evaluate_conditions(const Request& request, const Representation& content) {
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (const auto list = request.headers.find("If-Match")) {
    if (!list_matches(*list, content.etag, true)) return 412;
  } else if (const auto since = request.headers.find("If-Unmodified-Since")) {
    const auto date = parse_date(*since);
    if (date && content.modified && *content.modified > *date) return 412;
  }
  if (const auto list = request.headers.find("If-None-Match")) {
    if (list_matches(*list, content.etag, false)) return reads ? 304 : 412;
  } else if (const auto since = request.headers.find("If-Modified-Since"); since && reads) {
    const auto date = parse_date(*since);
    if (date && content.modified && *content.modified <= *date) return 304;
  }
  return 200;
}

Selection select_content(const Request& request, const Representation& content) {
  Selection selection{evaluate_conditions(request, content), 0, content.size};
  if (selection.status != 200 || request.method != Method::get) return selection;
  const auto range = request.headers.find("Range");
  if (!range || !range_applies(request, content)) return selection;
  const std::size_t equals = range->find('=');
  if (equals == std::string_view::npos || trimmed(range->substr(0, equals)) != "bytes") return selection;
  std::string_view rest = range->substr(equals + 1);
  std::optional<Span> span;
  std::size_t count = 0;
  while (const auto element = next_element(rest)) {
    const ParsedRange parsed = parse_range(*element, content.size);
    if (!parsed.valid || ++count > 32) return selection;
    if (!parsed.satisfiable) continue;
    if (!span) {
      span = parsed.satisfiable;
    } else {
      span->first = std::min(span->first, parsed.satisfiable->first);
      span->last = std::max(span->last, parsed.satisfiable->last);
    }
  }
  if (count == 0) return selection;
  if (!span) return {416, 0, 0};
  return {206, span->first, span->last - span->first + 1};
}

}  // namespace mpf::http
