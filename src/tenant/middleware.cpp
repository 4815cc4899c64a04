#include <mpf/tenant/middleware.hpp>

#include <fmt/core.h>

#include <mpf/base/text.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::tenant {

namespace {

// CurrentSite is shared with the cache and never changed; attachments are of non-const types.
struct SiteOfRequest {
  std::shared_ptr<const CurrentSite> site;
};

bool wants_page(const http::Request& request) {
  return request.header("Accept").find("text/html") != std::string_view::npos;
}

http::Response unknown_host(const http::Request& request) {
  const std::string host = request.host();
  if (!wants_page(request)) {
    return http::Response::problem(Error(ErrorKind::not_found, fmt::format("no site for host '{}'", host),
                                         "There is no site at this address"),
                                   request.id);
  }
  return http::Response::html(
      fmt::format(
          "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\">\n<title>No site here</title>\n</head>\n"
          "<body>\n<h1>No site here</h1>\n<p>There is no site at <strong>{}</strong>. Check the address"
          " for typing mistakes.</p>\n</body>\n</html>\n",
          host.empty() ? std::string("this address") : escape_html(host)),
      404);
}

}  // namespace

http::Middleware site_of_host(Sites& sites, std::function<bool(std::string_view)> exempt) {
  return [&sites, exempt = std::move(exempt)](http::Request& request, const http::Next& next) {
    if (exempt && exempt(request.path)) return next(request);
    auto site = sites.find_host(request.host());
    if (!site) {
      log::info("no site for host '{}'", request.host());
      return unknown_host(request);
    }
    const log::FieldScope field("site", site->slug);
    request.attach(std::make_shared<SiteOfRequest>(SiteOfRequest{std::move(site)}));
    return next(request);
  };
}

const CurrentSite* current_site(const http::Request& request) noexcept {
  const auto* attached = request.attached<SiteOfRequest>();
  return attached ? attached->site.get() : nullptr;
}

}  // namespace mpf::tenant
