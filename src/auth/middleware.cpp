#include <mpf/auth/middleware.hpp>

#include <memory>

#include <fmt/core.h>

#include <mpf/base/text.hpp>
#include <mpf/tenant/middleware.hpp>

namespace mpf::auth {

namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::denied, "forged request refused: " + why,
              "This request could not be verified. Reload the page and try again");
}

bool is_safe(http::Method method) noexcept {
  return method == http::Method::get || method == http::Method::head || method == http::Method::options;
}

/// "https://acme.test:8443" → "acme.test:8443"; empty for "null" and anything else.
std::string_view authority_of(std::string_view origin) noexcept {
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

void require_same_origin(const http::Request& request) {
  const std::string_view site = request.header("Sec-Fetch-Site");
  if (!site.empty()) {
    if (site != "same-origin" && site != "none") refuse(fmt::format("Sec-Fetch-Site is '{}'", site));
    return;
  }
  const std::string_view origin = request.header("Origin");
  if (!origin.empty() && !iequals(authority_of(origin), request.header("Host"))) {
    refuse(fmt::format("Origin '{}' is not the host '{}'", origin, request.header("Host")));
  }
}

std::string token_of(const http::Request& request) {
  const std::string_view header = request.header("X-CSRF-Token");
  if (!header.empty()) return std::string(header);
  if (!to_lower_ascii(request.header("Content-Type")).starts_with("application/x-www-form-urlencoded")) {
    return {};
  }
  for (auto& [name, value] : request.form()) {
    if (name == "csrf_token") return std::move(value);
  }
  return {};
}

}  // namespace

http::Middleware identify(db::Database& db, const Sessions& sessions) {
  return [&db, &sessions](http::Request& request, const http::Next& next) {
    const auto* site = tenant::current_site(request);
    if (!site) return next(request);
    auto identity =
        std::make_shared<Identity>(sessions, orm::SiteScope(db, site->id, site->provider_id), request);
    request.attach(identity);
    http::Response response = next(request);
    identity->write_cookies(response);
    // What depends on who asks must not stay in a cache that does not ask.
    if (identity->used() && !response.headers.find("Cache-Control")) {
      response.header("Cache-Control", "private, no-store");
    }
    return response;
  };
}

http::Middleware protect_from_forgery(const http::Router& router) {
  return [&router](http::Request& request, const http::Next& next) {
    if (is_safe(request.method)) return next(request);
    const http::RouteOptions* route = router.find_options(request.method, request.path);
    if (!route || !route->csrf) return next(request);
    Identity* identity = current_identity(request);
    if (!identity) refuse("the request has no identity");
    require_same_origin(request);
    const std::string token = token_of(request);
    if (token.empty()) refuse("there is neither a header X-CSRF-Token nor a form field csrf_token");
    if (!identity->is_csrf_token(token)) refuse("the token does not belong to the session");
    return next(request);
  };
}

Identity* current_identity(const http::Request& request) noexcept { return request.attached<Identity>(); }

}  // namespace mpf::auth
