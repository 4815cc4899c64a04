#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <mpf/app/command.hpp>
#include <mpf/tenant/site.hpp>

#include "content/item/visibility.hpp"

/// What other service groups may ask of imports.
namespace portal::content {

struct ImportOptions {
  std::filesystem::path folder;
  std::optional<std::string> collection;  ///< name of the top collection; default: after the folder
  std::optional<Visibility> visibility;   ///< of new items; default: as the last time, first members
  bool retire_most = false;  ///< else an import that misses more than half of the earlier files retires none
};

/// Imports a folder, tasks running in this process too, and shows how far it is. Errors of the folder;
/// Error(unavailable) when the import ends incomplete.
void import_folder(mpf::CommandContext& ctx, const mpf::tenant::CurrentSite& site,
                   const ImportOptions& options);

}  // namespace portal::content
