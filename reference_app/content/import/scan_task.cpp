#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <mpf/app/context.hpp>
#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/task/context.hpp>
#include <mpf/task/queue.hpp>

#include "content/collection/tree.hpp"
#include "content/import/page_facts.hpp"
#include "content/import/payloads.hpp"
#include "content/import/records.hpp"
#include "content/import/scan.hpp"
#include "content/item/changes.hpp"

namespace portal::content {
namespace {

constexpr std::size_t files_in_part = 32;

/// So many are noted down in a transaction while the folder is looked at.
constexpr std::size_t files_at_once = 16 * files_in_part;

/// What was imported from below these paths stays as it is: that it can't be read doesn't say it is gone.
void keep_unreadable(const orm::SiteScope& scope, const Source& source,
                     const std::vector<std::string>& unreadable) {
  for (const auto& path : unreadable) {
    scope.query<File>()
        .where(orm::f<&File::source> == source.id && orm::f<&File::retired_at>.is_null() &&
               (orm::f<&File::path> == path || orm::f<&File::path>.starts_with(path + "/")))
        .update(orm::set<&File::run>(source.run));
  }
}

/// The collections of the folders that an import's look at its folder comes by.
class Collections {
 public:
  Collections(const orm::SiteScope& scope, const Source& source) : scope_(scope), source_(source) {}

  /// Those of the folders of these files and of all above them are known from then on, and back where they
  /// were retired.
  void load(const std::vector<FolderWalk::File>& files) {
    std::set<std::string> paths{""};
    std::set<std::string> of_items;  // what is in folders of pictures alone shows at the end
    for (const auto& file : files) {
      const auto kind = file_type(file.path)->kind;
      if (!kind) continue;
      for (auto path = folder_of(file.path); paths.insert(path).second;) path = folder_of(path);
      if (kind == Kind::image) continue;
      for (auto path = folder_of(file.path); of_items.insert(path).second;) path = folder_of(path);
    }
    std::vector<mpf::Id> shown;
    for (const auto& folder :
         scope_.query<Folder>()
             .where(orm::f<&Folder::source> == source_.id &&
                    orm::f<&Folder::path>.in(std::vector<std::string>(paths.begin(), paths.end())))
             .all()) {
      if (of_items.contains(folder.path)) shown.push_back(folder.collection.id);
      known_.emplace(folder.path, folder.collection.id);
    }
    const auto back =
        scope_.query<Collection>()
            .where(orm::f<&Collection::id>.in(shown) && orm::f<&Collection::retired_at>.not_null())
            .update(orm::set<&Collection::retired_at>(std::nullopt));
    changed_ = changed_ || back > 0;
  }

  mpf::Id of_folder(const std::string& path) {
    if (const auto known = known_.find(path); known != known_.end()) return known->second;
    const auto collection = add_collection(scope_, title_of_name(path), of_folder(folder_of(path)));
    Folder folder;
    folder.source = orm::Ref<Source>(source_.id);
    folder.path = path;
    folder.collection = orm::Ref<Collection>(collection.id);
    scope_.insert(folder);
    known_.emplace(path, collection.id);
    changed_ = true;
    return collection.id;
  }

  bool changed() const noexcept { return changed_; }

 private:
  const orm::SiteScope& scope_;
  const Source& source_;
  std::unordered_map<std::string, mpf::Id> known_;
  bool changed_ = false;
};

/// Tasks for files that have been found, and collections for their folders.
void enqueue_parts(mpf::TaskContext& ctx, const orm::SiteScope& scope, const Source& source,
                   std::int64_t folder, const std::vector<FolderWalk::File>& files) {
  Collections collections(scope, source);
  collections.load(files);
  std::vector<ImportFiles> parts;
  for (const auto& file : files) {
    if (parts.empty() || parts.back().files.size() == files_in_part) {
      parts.push_back({source.id, source.run, folder, {}});
    }
    // Folders of assets alone have no collection; their files need none.
    const bool shown = file_type(file.path)->kind.has_value();
    parts.back().files.push_back({file.path,
                                  shown ? collections.of_folder(folder_of(file.path)) : source.collection.id,
                                  file.position});
  }
  ctx.tasks().enqueue_many(parts, {.site = ctx.site_id(), .job = ctx.task().job()});
  if (collections.changed()) content_changed(ctx, ctx.site_id());
}

}  // namespace

void import_scan(mpf::TaskContext& ctx, const ImportScan& payload) {
  const auto scope = ctx.scope();
  const auto source = source_of_run(scope, payload.source, payload.run);
  if (!source) return;
  LeftOuts left_outs(source->folder);
  const auto tell = [&](const LeftOut& left_out, FolderWalk::Why why) { left_outs.add(left_out, why); };
  const auto walk = mpf::fiber::offload([&] {
    if (source->scanned_folder != 0) OpenFolder::require_same(source->folder, source->scanned_folder);
    return std::make_unique<FolderWalk>(source->folder, source->scanned, tell);
  });
  for (bool ended = false; !ended;) {
    const auto files = mpf::fiber::offload([&] { return walk->next(files_at_once); });
    ended = files.size() < files_at_once;
    ctx.db().transaction([&](mpf::db::Transaction& tx) {
      ctx.task().check_lease();
      // Held before anything else is, as by all who write here.
      auto seen = scope.query<Source>().where(orm::f<&Source::id> == source->id).for_update().one();
      // Whoever goes on when this is cut short begins behind these.
      seen.total += static_cast<std::int64_t>(files.size());
      seen.scanned_folder = walk->identity();
      if (!files.empty()) seen.scanned = files.back().path;
      scope.update<&Source::total, &Source::scanned, &Source::scanned_folder>(seen);
      left_outs.tell(scope, source->id);
      keep_unreadable(scope, *source, left_outs.unreadable());
      enqueue_parts(ctx, scope, *source, walk->identity(), files);
      if (ended) ctx.task().complete_in(tx);
    });
    left_outs = LeftOuts(source->folder);
  }
}

}  // namespace portal::content
