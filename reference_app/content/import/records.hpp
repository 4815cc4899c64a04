#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

#include "content/item/models.hpp"

namespace portal::content {

/// The source, unless a newer import of it has begun.
std::optional<Source> source_of_run(const orm::SiteScope& scope, mpf::Id id, std::int64_t run);

/// Where the files of a source are stored.
std::string storage_folder(const mpf::tenant::CurrentSite& site, mpf::Id source);

Item new_item(const Source& source, const File& file, Kind kind, mpf::Id collection, std::int64_t position,
              std::string title, std::string summary);

}  // namespace portal::content
