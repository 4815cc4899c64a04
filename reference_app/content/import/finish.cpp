#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <mpf/app/context.hpp>
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
#include "content/path_key.hpp"
#include "content/portions.hpp"

namespace portal::content {
namespace {

using PathSet = std::unordered_set<PathKey, PathKey::Hash>;

/// A newer import of the source has begun: the rest is its.
struct Superseded {};

/// The last task of an import: brings the content in line with what the import has met. It reads in portions
/// and writes in short transactions, each of which may be the last before the process ends: whoever begins
/// anew finds less to do.
class Finish {
 public:
  Finish(mpf::TaskContext& ctx, const ImportFinish& payload)
      : ctx_(ctx), scope_(ctx.scope()), source_(payload.source), run_(payload.run), now_(ctx.clock().now()) {}

  void run() {
    auto problem = why_unsettled();
    if (problem.empty()) {
      find_used();
      settle_files();
      settle_collections();
    }
    show_files();
    sweep();
    end(std::move(problem));
  }

 private:
  struct FilePlan {
    std::vector<mpf::Id> gone;     // files
    std::vector<mpf::Id> retire;   // items
    std::vector<mpf::Id> restore;  // items
    std::vector<Item> add;

    bool empty() const { return gone.empty() && retire.empty() && restore.empty() && add.empty(); }
  };

  /// Runs fn(source, transaction) in a transaction that holds the source: who starts an import of this folder
  /// waits, and so do people who change what may be seen of it.
  template <class Fn>
  void step(const Fn& fn) const {
    ctx_.db().transaction([&](mpf::db::Transaction& tx) {
      ctx_.task().check_lease();
      auto source = scope_.query<Source>().where(orm::f<&Source::id> == source_).for_update().one();
      if (source.run != run_) throw Superseded();
      fn(source, tx);
    });
  }

  orm::Query<File> files() const { return scope_.query<File>().where(orm::f<&File::source> == source_); }

  /// Why nothing may be retired, or nothing: files that were not met may be there all the same.
  std::string why_unsettled() const {
    const auto source = scope_.get<Source>(source_);
    const auto job = ctx_.tasks().job_status(mpf::Id(source.job));
    if (job.failed > 0) {
      std::string reason;
      for (const auto& task :
           ctx_.tasks().list({.state = mpf::task::State::failed, .job = job.id, .limit = 1})) {
        reason = task.last_error;
      }
      return fmt::format("{} of {} parts failed: {}", job.failed, job.total, reason);
    }
    const auto there = files().where(orm::f<&File::retired_at>.is_null());
    const auto known = there.count();
    const auto missing = there.where(orm::f<&File::run> != run_).count();
    // Still so when some of them have been retired and this task begins anew.
    if (missing * 2 <= known || source.retire_most) return {};
    return fmt::format(
        "{} of the {} files known from before are missing in '{}', and nothing was retired: if the "
        "folder is the right one and they are meant to go, import it with --retire-most",
        missing, known, source.folder);
  }

  /// Pictures that some file shows are no items.
  void find_used() {
    each_portion(files().where(orm::f<&File::run> == run_), [&](const std::vector<File>& portion) {
      for (const auto& file : portion) {
        for (const auto& path : file.uses.as<std::vector<std::string>>()) {
          const auto type = file_type(path);
          if (type && type->kind == Kind::image) used_.emplace(path);
        }
      }
      return true;
    });
  }

  /// Retires and restores so that an item is there exactly when its file is, and is no picture of a page.
  void settle_files() {
    each_portion(files(), [&](const std::vector<File>& portion) {
      const auto plan = plan_of(portion);
      if (plan.empty()) return true;
      step([&](const Source&, mpf::db::Transaction&) { carry_out(plan); });
      return true;
    });
  }

  FilePlan plan_of(const std::vector<File>& portion) {
    std::vector<mpf::Id> ids;
    for (const auto& file : portion) ids.push_back(file.id);
    std::unordered_map<mpf::Id, Item> items;  // by file
    for (auto& item : scope_.query<Item>().where(orm::f<&Item::file>.in(ids)).all()) {
      const auto file = item.file.id;
      items.emplace(file, std::move(item));
    }
    FilePlan plan;
    std::vector<const File*> without_item;
    for (const auto& file : portion) {
      const bool here = file.run == run_;
      if (!here && !file.retired_at) plan.gone.push_back(file.id);
      const auto kind = file_type(file.path)->kind;
      const bool wanted = here && kind && (kind != Kind::image || !used_.contains(PathKey(file.path)));
      const auto item = items.find(file.id);
      if (item == items.end()) {
        if (!wanted) continue;
        without_item.push_back(&file);
      } else if (item->second.retired_at) {
        if (!wanted || !item->second.retired_by_import) continue;
        plan.restore.push_back(item->second.id);
      } else if (!wanted) {
        plan.retire.push_back(item->second.id);
        continue;
      }
      for (auto folder = folder_of(file.path); alive_.emplace(folder).second;) folder = folder_of(folder);
    }
    if (!without_item.empty()) plan.add = items_of(without_item);
    return plan;
  }

  /// Pictures that no page shows.
  std::vector<Item> items_of(const std::vector<const File*>& files) const {
    std::vector<std::string> paths;
    for (const auto* file : files) paths.push_back(folder_of(file->path));
    std::unordered_map<std::string, mpf::Id> collections;
    for (const auto& folder :
         scope_.query<Folder>()
             .where(orm::f<&Folder::source> == source_ && orm::f<&Folder::path>.in(paths))
             .all()) {
      collections.emplace(folder.path, folder.collection.id);
    }
    const auto source = scope_.get<Source>(source_);
    std::vector<Item> items;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& file = *files[i];
      const auto collection = collections.find(paths[i]);
      items.push_back(new_item(source, file, *file_type(file.path)->kind,
                               collection == collections.end() ? source.collection.id : collection->second,
                               file.position, title_of_name(file.path), {}));
    }
    return items;
  }

  void carry_out(const FilePlan& plan) const {
    scope_.query<File>()
        .where(orm::f<&File::id>.in(plan.gone))
        .update(orm::set<&File::retired_at>(std::optional(now_)));
    scope_.query<Item>()
        .where(orm::f<&Item::id>.in(plan.retire) && orm::f<&Item::retired_at>.is_null())
        .update(orm::set<&Item::retired_at>(std::optional(now_)), orm::set<&Item::retired_by_import>(true),
                orm::set<&Item::revision>(orm::f<&Item::revision> + 1));
    // Those that a person has retired meanwhile stay so.
    scope_.query<Item>()
        .where(orm::f<&Item::id>.in(plan.restore) && orm::f<&Item::retired_by_import> == true)
        .update(orm::set<&Item::retired_at>(std::nullopt), orm::set<&Item::retired_by_import>(false),
                orm::set<&Item::revision>(orm::f<&Item::revision> + 1));
    auto add = plan.add;
    scope_.insert_many(add);
    content_changed(ctx_, ctx_.site_id());
  }

  /// Retires collections of folders in which nothing is left, and restores those in which something is.
  void settle_collections() const {
    const auto folders = scope_.query<Folder>().where(orm::f<&Folder::source> == source_);
    each_portion(folders.with<&Folder::collection>(), [&](const std::vector<Folder>& portion) {
      std::vector<mpf::Id> retire;
      std::vector<mpf::Id> restore;
      for (const auto& folder : portion) {
        const bool wanted = alive_.contains(PathKey(folder.path));
        const bool there = !folder.collection->retired_at;
        if (wanted != there) (wanted ? restore : retire).push_back(folder.collection.id);
      }
      if (retire.empty() && restore.empty()) return true;
      step([&](const Source&, mpf::db::Transaction&) {
        const auto set = [&](const std::vector<mpf::Id>& ids, std::optional<mpf::Timestamp> retired) {
          scope_.query<Collection>()
              .where(orm::f<&Collection::id>.in(ids))
              .update(orm::set<&Collection::retired_at>(retired));
        };
        set(retire, now_);
        set(restore, std::nullopt);
        content_changed(ctx_, ctx_.site_id());
      });
      return true;
    });
  }

  /// Files that were closed until it was known which items use them.
  void show_files() const {
    for (bool again = true; again;) {
      again = false;
      const auto edits = scope_.get<Source>(source_).edits;
      FileVisibility visibility(scope_, source_);
      while (!again && visibility.find()) {
        step([&](const Source& source, mpf::db::Transaction&) {
          again = source.edits != edits;  // somebody has closed or opened an item since it was looked at
          if (!again) visibility.apply();
        });
      }
    }
  }

  /// Removes replaced versions, and copies of tasks that were cut short.
  void sweep() const {
    std::vector<PathKey> mentioned;
    each_portion(files(), [&](const std::vector<File>& portion) {
      for (const auto& file : portion) mentioned.emplace_back(file.stored);
      return true;
    });
    std::sort(mentioned.begin(), mentioned.end());
    constexpr std::size_t at_once = 256;
    std::vector<std::string> orphans;
    const auto remove_them = [&] {
      // What was there before this is looked at, no later import is about to mention.
      if (!source_of_run(scope_, source_, run_)) throw Superseded();
      for (const auto& name : orphans) {
        try {
          ctx_.storage().remove(name);
        } catch (const std::exception& error) {
          mpf::log::warning("'{}' is left for the sweep at the end of a later import: {}", name,
                            error.what());
        }
      }
      orphans.clear();
    };
    ctx_.storage().each(storage_folder(*ctx_.site(), source_), [&](const mpf::storage::FileInfo& file) {
      if (!std::binary_search(mentioned.begin(), mentioned.end(), PathKey(file.name))) {
        orphans.push_back(file.name);
      }
      if (orphans.size() == at_once) remove_them();
      return true;
    });
    if (!orphans.empty()) remove_them();
  }

  void end(std::string problem) const {
    step([&](Source& source, mpf::db::Transaction& tx) {
      source.problem = std::move(problem);
      if (source.problem.empty() && source.unreadable > 0) {
        source.problem = fmt::format("{} file{} or folder{} could not be read: {}", source.unreadable,
                                     source.unreadable == 1 ? "" : "s", source.unreadable == 1 ? "" : "s",
                                     source.reasons.substr(0, source.reasons.find('\n')));
      } else if (source.problem.empty()) {
        source.imported_at = now_;
      }
      if (!source.problem.empty()) {
        mpf::log::error("import of '{}' is incomplete: {}", source.folder, source.problem);
      }
      scope_.update<&Source::problem, &Source::imported_at>(source);
      if (source.again) begin_run(ctx_, scope_, source);
      ctx_.task().complete_in(tx);
    });
  }

  mpf::TaskContext& ctx_;
  orm::SiteScope scope_;
  mpf::Id source_;
  std::int64_t run_;
  mpf::Timestamp now_;
  PathSet used_;   // pictures
  PathSet alive_;  // folders with items in or below them
};

}  // namespace

void import_finish(mpf::TaskContext& ctx, const ImportFinish& payload) {
  if (!source_of_run(ctx.scope(), payload.source, payload.run)) return;
  try {
    Finish(ctx, payload).run();
  } catch (const Superseded&) {
    mpf::log::info("a newer import of source {} has begun: this one leaves the rest to it",
                   payload.source.value);
  }
}

}  // namespace portal::content
