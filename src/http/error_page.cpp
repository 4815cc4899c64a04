#include <mpf/http/error_page.hpp>

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/reflect.hpp>
#include <mpf/base/text.hpp>

#include "http/status.hpp"

namespace mpf::http {

namespace {

constexpr std::string_view page_policy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors "
    "'self'";

struct Told {
  std::string title;
  std::string detail;
  static constexpr auto describe() { return mpf::describe(field<&Told::title>(), field<&Told::detail>()); }
};

/// Looks come from sites, and go into a style sheet.
std::string colour(const std::string& text, std::string_view otherwise) {
  const bool fits =
      text.size() == 7 && text.front() == '#' && std::all_of(text.begin() + 1, text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      });
  return fits ? text : std::string(otherwise);
}

}  // namespace

bool wants_page(const Request& request) {
  return !request.path.starts_with("/api/") &&
         request.header("Accept").find("text/html") != std::string_view::npos;
}

Response error_page(int status, std::string_view title, std::string_view text, std::string_view request_id,
                    const PageLook& look) {
  const PageLook plain;
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>"
      "body{{margin:0;min-height:100vh;display:grid;place-items:center;background:{};color:{};"
      "font:1.0625rem/1.6 system-ui,sans-serif}}"
      "main{{box-sizing:border-box;width:min(32rem,100vw - "
      "2rem);padding:2.5rem;background:{};border-radius:{}px;"
      "box-shadow:0 1px 3px #0002;overflow-wrap:anywhere}}"
      "h1{{margin:.25rem 0 .75rem;font-size:1.75rem;line-height:1.25}}p{{margin:0 0 1rem}}"
      ".name{{font-weight:600}}.name,a{{color:{}}}small{{opacity:.65}}</style>\n</head>\n<body>\n<main>\n",
      escape_html(title), colour(look.background, plain.background), colour(look.text, plain.text),
      colour(look.surface, plain.surface), std::clamp<std::int64_t>(look.radius, 0, 64),
      colour(look.primary, plain.primary));
  if (!look.name.empty()) page += fmt::format("<p class=\"name\">{}</p>\n", escape_html(look.name));
  page += fmt::format("<h1>{}</h1>\n", escape_html(title));
  if (!text.empty()) page += fmt::format("<p>{}</p>\n", escape_html(text));
  if (!look.name.empty()) page += "<p><a href=\"/\">To the start page</a></p>\n";
  page += fmt::format("<small>Request {}</small>\n</main>\n</body>\n</html>\n", escape_html(request_id));
  auto response = Response::html(std::move(page), status);
  response.header("Cache-Control", "no-store").header("Content-Security-Policy", page_policy);
  return response;
}

Response page_of_problem(Response problem, std::string_view request_id, const PageLook& look) {
  if (problem.headers.find("Content-Type") != "application/problem+json") return problem;
  Told told;
  try {
    told = from_json<Told>(problem.body);
  } catch (const Error&) {
    told.title = status_phrase(problem.status);
  }
  if (told.detail == told.title) told.detail.clear();
  auto page = error_page(problem.status, told.title, told.detail, request_id, look);
  for (const auto& [name, value] : problem.headers) {
    if (!page.headers.find(name)) page.headers.add(name, value);
  }
  return page;
}

}  // namespace mpf::http
