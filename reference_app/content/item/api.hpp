#pragma once

#include <cstdint>
#include <string>

#include <mpf/app/services.hpp>
#include <mpf/auth/models.hpp>
#include <mpf/tenant/site.hpp>

/// What other service groups may ask of a site's content.
namespace portal::content {

/// Who looks at content. Snapshots are made per class of viewers, so that what a class may not see never
/// leaves the server.
enum class Viewer : std::uint8_t { visitor, member, staff };

/// Null is a visitor.
Viewer viewer_of(const mpf::auth::User* user) noexcept;

/// Collections and items of a site for a class of viewers, as JSON text to be set into an object:
/// "collections":[…],"items":[…]. Made anew each time: callers keep it in the site's content group.
std::string content_json(const mpf::Services& services, const mpf::tenant::CurrentSite& site, Viewer viewer);

}  // namespace portal::content
