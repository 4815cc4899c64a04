#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

/// What an import leaves out: all of it goes to the log, the first of it to what the source tells.
class LeftOuts {
 public:
  explicit LeftOuts(std::string folder) : folder_(std::move(folder)) {}

  void add(const LeftOut& left_out, FolderWalk::Why why);
  const std::vector<std::string>& unreadable() const noexcept { return unreadable_; }  ///< paths

  /// Holds the source and adds to its counts and reasons, those of what is unreadable first. In the
  /// transaction that ends what has left it out.
  void tell(const orm::SiteScope& scope, mpf::Id source) const;

 private:
  std::string folder_;
  std::int64_t count_ = 0;
  std::vector<std::string> unreadable_;
  std::vector<std::string> lines_;  // of what is unfit
  std::vector<std::string> unreadable_lines_;
};

/// The folder that a file lies in, both below the source's folder: empty for the latter itself.
std::string folder_of(const std::string& path);

/// Where the files of a source are stored.
std::string storage_folder(const mpf::tenant::CurrentSite& site, mpf::Id source);

Item new_item(const Source& source, const File& file, Kind kind, mpf::Id collection, std::int64_t position,
              std::string title, std::string summary);

}  // namespace portal::content
