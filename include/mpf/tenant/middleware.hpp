#pragma once

#include <functional>
#include <string_view>

#include <mpf/http/router.hpp>
#include <mpf/tenant/sites.hpp>

namespace mpf::tenant {

/// Finds the site of the request's host and attaches it (Request::attached<const CurrentSite>). A host that
/// has none is answered 404, as a page or as problem+json by what the client accepts. `exempt` paths pass
/// without a site.
http::Middleware site_of_host(Sites& sites, std::function<bool(std::string_view path)> exempt = {});

/// The attached site, or null.
const CurrentSite* current_site(const http::Request& request) noexcept;

}  // namespace mpf::tenant
