#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/task/queue.hpp>

#include "content/collection/tree.hpp"
#include "content/import/import.hpp"
#include "content/import/page_facts.hpp"
#include "content/import/records.hpp"
#include "content/import/scan.hpp"
#include "content/item/changes.hpp"

namespace portal::content {
namespace {

/// Less free room than this is a full disk.
constexpr std::size_t probe_bytes = 256 * 1024;

/// Error(not_found), saying what is there instead, unless the folder has something that becomes an item.
/// Blocks.
void require_content(const std::filesystem::path& folder) {
  constexpr std::size_t at_once = 256;
  std::string reason;
  std::size_t left_out = 0;
  FolderWalk walk(folder, "", [&](const LeftOut& one, FolderWalk::Why) {
    if (left_out++ == 0) reason = fmt::format("{}: {}", printable(one.path), one.reason);
  });
  for (bool ended = false; !ended;) {
    const auto files = walk.next(at_once);
    ended = files.size() < at_once;
    if (std::ranges::any_of(files, [](const auto& file) { return file_type(file.path)->kind.has_value(); }))
      return;
  }
  if (left_out > 0) reason = fmt::format(" ({} left out, first {})", left_out, reason);
  mpf::fail(mpf::ErrorKind::not_found,
            fmt::format(
                "'{}' holds nothing that can be shown, neither HTML, Markdown, text nor PDF, pictures, video "
                "or audio{}: give the folder that has the documents",
                folder.string(), reason));
}

Source make_source(const orm::SiteScope& scope, const std::filesystem::path& folder,
                   const ImportOptions& options) {
  Source source;
  source.folder = folder.string();
  source.name = options.collection.value_or(title_of_name(folder.filename().string()));
  if (source.name.empty()) source.name = "Documents";
  const auto top = add_collection(scope, source.name, std::nullopt);
  source.collection = orm::Ref<Collection>(top.id);
  scope.insert(source);
  Folder top_folder;
  top_folder.source = orm::Ref<Source>(source.id);
  top_folder.collection = source.collection;
  scope.insert(top_folder);
  return source;
}

/// Whoever starts an import again has mended what made parts of it fail.
void retry_failed_parts(mpf::task::Queue& tasks, mpf::Id job) {
  constexpr std::size_t at_once = 100;
  for (;;) {
    const auto failed = tasks.list({.state = mpf::task::State::failed, .job = job, .limit = at_once});
    for (const auto& task : failed) tasks.retry(task.id);
    if (failed.size() < at_once) return;
  }
}

StartedImport start_or_join(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                            const ImportOptions& options, const std::filesystem::path& folder) {
  const auto scope = services.site_scope(site.id);
  return services.db().transaction([&](mpf::db::Transaction&) {
    // Whoever starts the same import meanwhile waits here, and joins.
    auto found = scope.query<Source>().where(orm::f<&Source::folder> == folder.string()).for_update().first();
    Source source = found ? std::move(*found) : make_source(scope, folder, options);
    if (options.visibility) source.visibility = *options.visibility;
    if (options.collection && source.name != *options.collection) {
      source.name = *options.collection;
      scope.query<Collection>()
          .where(orm::f<&Collection::id> == source.collection.id)
          .update(orm::set<&Collection::name>(source.name));
      content_changed(services, site.id);
    }
    auto& tasks = services.tasks();
    if (const auto job = tasks.active_job(job_kind, source.id.to_string(), site.id)) {
      retry_failed_parts(tasks, *job);
      source.again = true;
      source.retire_most = source.retire_most || options.retire_most;
      scope.update(source);
      return StartedImport{source.id, true};
    }
    source.retire_most = options.retire_most;
    begin_run(services, scope, source);
    return StartedImport{source.id, false};
  });
}

}  // namespace

StartedImport start_import(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                           const ImportOptions& options) {
  const auto folder = mpf::fiber::offload([&] { return check_folder(options.folder); });
  // What was imported once may be empty now. The first time, an empty collection would be of no use to
  // anybody.
  const auto known =
      services.site_scope(site.id).query<Source>().where(orm::f<&Source::folder> == folder.string());
  if (!known.exists()) mpf::fiber::offload([&] { require_content(folder); });
  for (int tries = 1;; ++tries) {
    try {
      return start_or_join(services, site, options, folder);
    } catch (const mpf::db::ConstraintError& error) {
      // Another process has just made the source or its collection: there is something to join now.
      if (error.type() != mpf::db::ConstraintError::Type::unique || tries == 3) throw;
    }
  }
}

ImportProgress import_progress(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                               const StartedImport& started) {
  const auto scope = services.site_scope(site.id);
  auto source = scope.get<Source>(started.source);
  auto& tasks = services.tasks();
  const auto job = tasks.job_status(mpf::Id(source.job));
  bool ended = false;
  std::string problem;
  if (job.state == mpf::task::JobState::cancelled) {
    ended = true;
    problem = "the import was cancelled";
  } else if (job.state == mpf::task::JobState::done && job.finaliser) {
    const auto last = tasks.status(*job.finaliser);
    ended = last.state != mpf::task::State::queued && last.state != mpf::task::State::running;
    if (last.state != mpf::task::State::done) problem = last.last_error;
    // It has written down how the import ended, in the same transaction began the one that is to follow.
    if (ended) source = scope.get<Source>(started.source);
    if (last.state == mpf::task::State::done && source.job != job.id.value) ended = false;
  } else {
    for (const auto& task : tasks.list({.site = site.id, .job = job.id, .limit = 1000})) {
      if (!task.last_error.empty() && task.state != mpf::task::State::done) problem = task.last_error;
    }
  }
  const auto met = scope.query<File>()
                       .where(orm::f<&File::source> == source.id && orm::f<&File::run> == source.run)
                       .count();
  return {.done = static_cast<std::int64_t>(met),
          .total = source.total,
          .ended = ended,
          .problem = problem.empty() ? source.problem : problem,
          .left_out = source.left_out,
          .reasons = source.reasons};
}

void check_writable(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                    const StartedImport& started) {
  auto& storage = services.storage();
  storage.remove(storage.put(std::string(probe_bytes, '\0'), {.folder = "probe", .extension = {}}).name);
  services.db().transaction([&](mpf::db::Transaction&) {
    const auto scope = services.site_scope(site.id);
    const auto source = scope.get<Source>(started.source);
    // A write that changes nothing, but needs the room of one that does.
    scope.query<Source>()
        .where(orm::f<&Source::id> == source.id)
        .update(orm::set<&Source::problem>(source.problem));
  });
}

}  // namespace portal::content
