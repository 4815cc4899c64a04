#pragma once

#include <cstdint>
#include <string>

#include <mpf/tenant/site.hpp>

/// What other service groups may ask about sites.
namespace portal::foundation {

/// Name, look and texts of a site as JSON: what the portal's pages show of it.
std::string site_json(const mpf::tenant::CurrentSite& site);

/// Another number for another site_json(), far cheaper: for keys of caches.
std::uint64_t site_version(const mpf::tenant::CurrentSite& site) noexcept;

}  // namespace portal::foundation
