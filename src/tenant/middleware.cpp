#include <mpf/tenant/middleware.hpp>

#include <fmt/core.h>

#include <mpf/http/error_page.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::tenant {

namespace {

// CurrentSite is shared with the cache and never changed; attachments are of non-const types.
struct SiteOfRequest {
  std::shared_ptr<const CurrentSite> site;
};

http::Response unknown_host(const http::Request& request) {
  const std::string host = request.host();
  if (!http::wants_page(request)) {
    return http::Response::problem(Error(ErrorKind::not_found, fmt::format("no site for host '{}'", host),
                                         "There is no site at this address"),
                                   request.id);
  }
  return http::error_page(404, "No site here",
                          fmt::format("There is no site at {}. Check the address for typing mistakes.",
                                      host.empty() ? "this address" : host),
                          request.id);
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
