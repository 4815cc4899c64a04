#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mpf/app/services.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

#include "content/import/scan.hpp"
#include "content/item/models.hpp"

namespace portal::content {

/// The source, unless a newer import of it has begun.
std::optional<Source> source_of_run(const orm::SiteScope& scope, mpf::Id id, std::int64_t run);

/// Begins the next import of a source, which the caller's transaction holds: its job, and the row written.
void begin_run(const mpf::Services& services, const orm::SiteScope& scope, Source& source);

/// Adds reasons to those that a source tells, as long as they are few, and logs them all.
void tell_reasons(Source& source, const std::vector<LeftOut>& left_out);

/// Where the files of a source are stored.
std::string storage_folder(const mpf::tenant::CurrentSite& site, mpf::Id source);

Item new_item(const Source& source, const File& file, Kind kind, mpf::Id collection, std::int64_t position,
              std::string title, std::string summary);

}  // namespace portal::content
