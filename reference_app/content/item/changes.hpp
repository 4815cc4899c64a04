#pragma once

#include <mpf/app/services.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

#include "content/item/models.hpp"

namespace portal::content {

/// Drops what the cache holds of a site's content: at commit, inside a transaction.
void content_changed(const mpf::Services& services, mpf::Id site);

/// Makes each file of a source as visible as the most open item that uses it, over any number of steps (a
/// page's style sheet's pictures). To be called in the transaction that changed an item's visibility, or what
/// is there.
void update_file_visibility(const orm::SiteScope& scope, mpf::Id source);

}  // namespace portal::content
