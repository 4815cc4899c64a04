#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <mpf/app/services.hpp>
#include <mpf/base/id.hpp>
#include <mpf/tenant/site.hpp>

#include "content/import/api.hpp"

namespace mpf {
class Setup;
class TaskContext;
}  // namespace mpf

/// Importing a folder is a job: one task looks what is there and hands it on in portions, others take over
/// some files each, and a last one retires what is gone. Any of them may be cut short at any point and run
/// again, here or in another process: rows and the record of how far it is are written in one transaction,
/// files before it under new names, and files that no row mentions are swept away at the end. No transaction
/// is longer for more files, and what is held in memory of each is a few bytes.
namespace portal::content {

inline constexpr std::string_view job_kind = "import";

struct StartedImport {
  mpf::Id source;
  bool resumed = false;  ///< an import of this folder had not ended: that goes on, and this one follows
};

/// Enqueues the import. One that is under way has looked at the folder before, so another one follows it
/// when it has ended. Errors as check_folder(); Error(not_found) for a new folder without anything to show.
StartedImport start_import(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                           const ImportOptions& options);

struct ImportProgress {
  std::int64_t done = 0;   ///< files
  std::int64_t total = 0;  ///< 0: not known yet
  bool ended = false;
  std::string problem;        ///< of the tasks so far, or why it has ended incomplete; empty when all is well
  std::int64_t left_out = 0;  ///< files and folders that are not taken over
  std::string reasons;        ///< why, of the first of them: lines
};

/// Of the newest import of the source; it has ended when none is to follow.
ImportProgress import_progress(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                               const StartedImport& started);

/// Throws what keeps database or storage from being written, if anything does.
void check_writable(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                    const StartedImport& started);

/// The tasks. In the order in which they run.
void add_import_tasks(mpf::Setup& s);

}  // namespace portal::content
