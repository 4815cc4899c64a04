#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <mpf/app/context.hpp>
#include <mpf/base/text.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/task/context.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/telemetry/log.hpp>

#include "content/import/import.hpp"
#include "content/import/page_facts.hpp"
#include "content/import/payloads.hpp"
#include "content/import/records.hpp"
#include "content/import/scan.hpp"
#include "content/item/changes.hpp"
#include "content/pause.hpp"

namespace portal::content {
namespace {

/// Pages and files of the import that has ended, as its last task sees them.
struct Outcome {
  std::vector<File> files;
  std::unordered_map<mpf::Id, Item> items;               // by file
  std::unordered_map<std::string, mpf::Id> collections;  // by folder
  std::unordered_set<std::string> used;                  // paths that some file shows
};

Outcome load_outcome(const orm::SiteScope& scope, const Source& source) {
  Outcome outcome;
  outcome.files = scope.query<File>().where(orm::f<&File::source> == source.id).all();
  for (auto& item : scope.query<Item>().where(orm::f<&Item::file, &File::source> == source.id).all()) {
    const auto file = item.file.id;
    outcome.items.emplace(file, std::move(item));
  }
  for (const auto& folder : scope.query<Folder>().where(orm::f<&Folder::source> == source.id).all()) {
    outcome.collections.emplace(folder.path, folder.collection.id);
  }
  std::sort(outcome.files.begin(), outcome.files.end(),
            [](const File& a, const File& b) { return import_order(a.path, b.path); });
  std::size_t looked_at = 0;
  for (const auto& file : outcome.files) {
    pause_after_some(looked_at);
    if (file.run != source.run) continue;
    for (auto& path : file.uses.as<std::vector<std::string>>()) outcome.used.insert(std::move(path));
  }
  return outcome;
}

/// Retires and restores so that an item is there exactly when its file is, and is no picture of a page.
void settle_items(const orm::SiteScope& scope, const Source& source, Outcome& outcome, mpf::Timestamp now) {
  std::int64_t next_position = 0;
  std::size_t looked_at = 0;
  for (auto& file : outcome.files) {
    pause_after_some(looked_at);
    const bool here = file.run == source.run;
    const std::int64_t position = here ? next_position++ : 0;
    if (!here && !file.retired_at) {
      file.retired_at = now;
      scope.update(file);
    }
    const auto kind = file_type(file.path)->kind;
    const bool wanted = here && kind && (kind != Kind::image || !outcome.used.contains(file.path));
    const auto found = outcome.items.find(file.id);
    if (found == outcome.items.end()) {
      if (wanted) {
        const auto slash = file.path.rfind('/');
        const auto folder =
            outcome.collections.find(slash == std::string::npos ? "" : file.path.substr(0, slash));
        auto item = new_item(source, file, *kind,
                             folder == outcome.collections.end() ? source.collection.id : folder->second,
                             position, title_of_name(file.path), {});
        scope.insert(item);
        outcome.items.emplace(file.id, std::move(item));
      }
      continue;
    }
    auto& item = found->second;
    const bool retire = !wanted && !item.retired_at;
    const bool restore = wanted && item.retired_at && item.retired_by_import;
    if (retire) {
      item.retired_at = now;
      item.retired_by_import = true;
    } else if (restore) {
      item.retired_at.reset();
      item.retired_by_import = false;
    }
    const bool moved = wanted && item.position != position;
    if (moved) item.position = position;
    if (retire || restore) ++item.revision;
    if (retire || restore || moved) scope.update(item);
  }
}

/// Retires collections of folders that are gone, once nothing is left in them.
void settle_collections(const orm::SiteScope& scope, const Source& source, const Outcome& outcome,
                        mpf::Timestamp now) {
  std::unordered_set<std::string> alive;
  std::size_t looked_at = 0;
  for (const auto& file : outcome.files) {
    pause_after_some(looked_at);
    const auto item = outcome.items.find(file.id);
    if (item == outcome.items.end() || item->second.retired_at) continue;
    for (auto slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      alive.insert(file.path.substr(0, slash));
    }
  }
  for (const auto& [path, collection] : outcome.collections) {
    if (collection == source.collection.id || alive.contains(path)) continue;
    scope.query<Collection>()
        .where(orm::f<&Collection::id> == collection && orm::f<&Collection::retired_at>.is_null())
        .update(orm::set<&Collection::retired_at>(std::optional(now)));
  }
}

std::unordered_set<std::string> stored_files(const mpf::storage::Storage& storage,
                                             const std::string& folder) {
  std::unordered_set<std::string> names;
  storage.each(folder, [&](const mpf::storage::FileInfo& file) {
    names.insert(file.name);
    return true;
  });
  return names;
}

/// Why nothing may be retired, or nothing: files that were not met may be there all the same.
std::string why_unsettled(const mpf::TaskContext& ctx, const Source& source, const Outcome& outcome) {
  const auto job = ctx.tasks().job_status(mpf::Id(source.job));
  if (job.failed > 0) {
    std::string reason;
    for (const auto& task :
         ctx.tasks().list({.state = mpf::task::State::failed, .job = job.id, .limit = 1})) {
      reason = task.last_error;
    }
    return fmt::format("{} of {} parts failed: {}", job.failed, job.total, reason);
  }
  std::size_t known = 0;
  std::size_t missing = 0;
  for (const auto& file : outcome.files) {
    if (file.retired_at) continue;
    ++known;
    if (file.run != source.run) ++missing;
  }
  if (missing * 2 <= known || source.retire_most) return {};
  return fmt::format(
      "{} of the {} files known from before are missing in '{}', and nothing was retired: if the "
      "folder is the right one and they are meant to go, import it with --retire-most",
      missing, known, source.folder);
}

/// Brings the content in line with what the import has met; why that is not the whole of it, or nothing.
std::string settle(const mpf::TaskContext& ctx, const orm::SiteScope& scope, Source& source) {
  auto outcome = load_outcome(scope, source);
  if (auto reason = why_unsettled(ctx, source, outcome); !reason.empty()) return reason;
  const auto now = ctx.clock().now();
  settle_items(scope, source, outcome, now);
  settle_collections(scope, source, outcome, now);
  if (source.unreadable > 0) {
    return fmt::format("{} file{} or folder{} could not be read: {}", source.unreadable,
                       source.unreadable == 1 ? "" : "s", source.unreadable == 1 ? "" : "s",
                       source.reasons.substr(0, source.reasons.find('\n')));
  }
  source.imported_at = now;
  return {};
}

}  // namespace

void import_finish(mpf::TaskContext& ctx, const ImportFinish& payload) {
  const auto scope = ctx.scope();
  if (!source_of_run(scope, payload.source, payload.run)) return;
  // Of those that are there before the source is held, no later import is about to mention one.
  auto orphans = stored_files(ctx.storage(), storage_folder(*ctx.site(), payload.source));
  bool held = false;
  ctx.db().transaction([&](mpf::db::Transaction& tx) {
    ctx.task().check_lease();
    // Who wants to start an import of this folder waits.
    auto source = scope.query<Source>().where(orm::f<&Source::id> == payload.source).for_update().one();
    held = source.run == payload.run;
    if (held) {
      source.problem = settle(ctx, scope, source);
      if (!source.problem.empty())
        mpf::log::error("import of '{}' is incomplete: {}", source.folder, source.problem);
      update_file_visibility(scope, source.id);
      scope.update<&Source::problem, &Source::imported_at>(source);
      if (source.again) begin_run(ctx, scope, source);
      content_changed(ctx, ctx.site_id());
    }
    ctx.task().complete_in(tx);
  });
  if (!held) return;
  // Replaced versions, and copies of tasks that were cut short.
  for (const auto& [stored] :
       scope.query<File>().where(orm::f<&File::source> == payload.source).select<&File::stored>()) {
    orphans.erase(stored);
  }
  for (const auto& name : orphans) ctx.storage().remove(name);
}

}  // namespace portal::content
