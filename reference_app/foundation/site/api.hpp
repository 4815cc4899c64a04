#pragma once

#include <string>

#include <mpf/tenant/site.hpp>

/// What other service groups may ask about sites.
namespace portal::foundation {

/// Name, look and texts of a site as JSON: what the portal's pages show of it. Cached with the site.
std::string site_json(const mpf::tenant::CurrentSite& site);

}  // namespace portal::foundation
