#include <string>
#include <utility>

#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/task/queue.hpp>

#include "content/collection/tree.hpp"
#include "content/import/import.hpp"
#include "content/import/page_facts.hpp"
#include "content/import/payloads.hpp"
#include "content/import/scan.hpp"
#include "content/item/changes.hpp"

namespace portal::content {
namespace {

constexpr std::string_view job_kind = "import";

/// Less free room than this is a full disk.
constexpr std::size_t probe_bytes = 256 * 1024;

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
    auto& tasks = services.tasks();
    const auto key = source.id.to_string();
    if (const auto job = tasks.active_job(job_kind, key, site.id)) {
      retry_failed_parts(tasks, *job);
      return StartedImport{source.id, *job, true};
    }

    if (options.visibility) source.visibility = *options.visibility;
    if (options.collection && source.name != *options.collection) {
      source.name = *options.collection;
      scope.query<Collection>()
          .where(orm::f<&Collection::id> == source.collection.id)
          .update(orm::set<&Collection::name>(source.name));
      content_changed(services, site.id);
    }
    ++source.run;
    source.total = 0;
    source.problem.clear();
    const auto job = tasks.create_job({.kind = std::string(job_kind), .unique_key = key, .site = site.id},
                                      ImportFinish{source.id, source.run});
    tasks.enqueue(ImportScan{source.id, source.run}, {.site = site.id, .job = job});
    tasks.close_job(job);
    source.job = job.value;
    scope.update(source);
    return StartedImport{source.id, job, false};
  });
}

}  // namespace

StartedImport start_import(const mpf::Services& services, const mpf::tenant::CurrentSite& site,
                           const ImportOptions& options) {
  const auto folder = mpf::fiber::offload([&] { return check_folder(options.folder); });
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
  const auto source = scope.get<Source>(started.source);
  auto& tasks = services.tasks();
  const auto job = tasks.job_status(started.job);
  ImportProgress progress;
  progress.total = source.total;
  progress.done = static_cast<std::int64_t>(
      scope.query<File>()
          .where(orm::f<&File::source> == source.id && orm::f<&File::run> == source.run)
          .count());
  progress.problem = source.problem;
  if (job.state == mpf::task::JobState::cancelled) {
    progress.ended = true;
    progress.problem = "the import was cancelled";
    return progress;
  }
  if (job.state == mpf::task::JobState::done && job.finaliser) {
    const auto last = tasks.status(*job.finaliser);
    progress.ended = last.state != mpf::task::State::queued && last.state != mpf::task::State::running;
    if (!last.last_error.empty() && last.state != mpf::task::State::done) progress.problem = last.last_error;
    return progress;
  }
  for (const auto& task : tasks.list({.site = site.id, .job = started.job, .limit = 1000})) {
    if (!task.last_error.empty() && task.state != mpf::task::State::done) progress.problem = task.last_error;
  }
  return progress;
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
