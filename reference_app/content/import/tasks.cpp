#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mpf/app/context.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/file.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>
#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
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
#include "content/text.hpp"

namespace portal::content {
namespace {

/// Text files up to this size are read for their title, summary and references.
constexpr std::size_t max_text_bytes = 8 * 1024 * 1024;

/// What a task has found out about one file before it writes anything down.
struct Taken {
  const ImportFiles::Entry* entry = nullptr;
  FoundFile found;
  std::optional<File> before;
  bool content_changed = false;
  mpf::storage::StoredFile stored;
  std::string content_type;
  std::optional<Kind> kind;
  PageFacts facts;
};

/// Removes the files that a failing task has put into storage: on a full disk nothing else could be written
/// down, not even that the task has failed.
class UnrecordedFiles {
 public:
  explicit UnrecordedFiles(mpf::storage::Storage& storage) : storage_(storage) {}
  ~UnrecordedFiles() {
    const mpf::fiber::ShieldScope shield;
    for (const auto& name : names_) {
      try {
        storage_.remove(name);
      } catch (const std::exception& error) {
        mpf::log::warning("'{}' is left for the sweep at the end of an import: {}", name, error.what());
      }
    }
  }
  UnrecordedFiles(const UnrecordedFiles&) = delete;
  UnrecordedFiles& operator=(const UnrecordedFiles&) = delete;

  void add(const std::string& name) {
    if (!name.empty()) names_.push_back(name);
  }
  void keep() noexcept { names_.clear(); }

 private:
  mpf::storage::Storage& storage_;
  std::vector<std::string> names_;
};

bool is_text(std::string_view content_type) { return content_type.starts_with("text/"); }

/// Reads what there is to know of a file and puts a copy into storage, unless it is as it was. Error(denied),
/// Error(invalid), Error(too_large) or Error(not_found) when it is the file's fault.
void take(Taken& taken, const Source& source, mpf::storage::Storage& storage, const std::string& folder) {
  const auto type = file_type(taken.found.path);
  taken.kind = type->kind;
  taken.content_type = type->content_type;
  const auto path = std::filesystem::path(source.folder) / taken.found.path;
  const bool text =
      is_text(type->content_type) && static_cast<std::size_t>(taken.found.size) <= max_text_bytes;
  if (text) {
    mpf::fiber::offload([&] {
      const auto content = mpf::read_file(path, max_text_bytes * 2);
      if (taken.before && taken.before->sha256 == mpf::sha256(content)) return;
      taken.content_changed = true;
      if (mpf::is_valid_utf8(content)) taken.content_type += "; charset=utf-8";
      const auto body = without_mark(content);
      if (taken.kind == Kind::page) {
        taken.facts = html_facts(body, taken.found.path);
      } else if (taken.kind == Kind::markdown) {
        taken.facts = markdown_facts(body, taken.found.path);
      } else if (taken.kind == Kind::text) {
        taken.facts = text_facts(body);
      } else if (type->content_type == "text/css") {
        taken.facts.uses = css_uses(body, taken.found.path);
      }
    });
    if (!taken.content_changed) return;
  } else {
    taken.content_changed = true;
  }
  const auto dot = taken.found.path.rfind('.');
  taken.stored = storage.put_file(path, {.folder = folder, .extension = taken.found.path.substr(dot + 1)});
  if (taken.before && taken.before->sha256 == taken.stored.sha256) {
    // The same bytes with a newer date; the copy is swept away at the end.
    taken.content_changed = false;
  }
}

std::string title_for(const Taken& taken) {
  auto title = taken.facts.title.empty() ? title_of_name(taken.found.path) : taken.facts.title;
  if (title.empty()) title = taken.found.path;
  return std::string(mpf::truncate_utf8(title, 300));
}

/// Writes a taken file down. In the transaction that ends the task.
void record(const orm::SiteScope& scope, const Source& source, Taken& taken) {
  File file = taken.before ? std::move(*taken.before) : File{};
  file.source = orm::Ref<Source>(source.id);
  file.path = taken.found.path;
  file.modified = taken.found.modified;
  file.position = taken.entry->position;
  file.run = source.run;
  file.retired_at.reset();
  if (taken.content_changed) {
    file.stored = taken.stored.name;
    file.size = static_cast<std::int64_t>(taken.stored.size);
    file.sha256 = taken.stored.sha256;
    file.content_type = taken.content_type;
    file.uses = mpf::Json::of(taken.facts.uses);
  }
  if (file.id) {
    scope.update(file);
  } else {
    // Closed until the end of the import tells which pages use it.
    file.visibility = Visibility::staff;
    scope.insert(file);
  }
  if (!taken.kind) return;

  auto item = scope.query<Item>().where(orm::f<&Item::file> == file.id).first();
  if (!item) {
    // Pictures become items at the end, when it is known which ones no page shows.
    if (taken.kind == Kind::image) return;
    auto made = new_item(source, file, *taken.kind, taken.entry->collection, taken.entry->position,
                         title_for(taken), taken.facts.summary);
    scope.insert(made);
    return;
  }
  if (item->position != taken.entry->position) {
    item->position = taken.entry->position;
    scope.update<&Item::position>(*item);
  }
  if (!taken.content_changed) return;
  if (!item->title_edited) item->title = title_for(taken);
  if (!item->summary_edited) item->summary = taken.facts.summary;
  item->kind = *taken.kind;
  ++item->revision;
  scope.update(*item);
}

/// Files came or went before an unchanged one in its folder.
void move(const orm::SiteScope& scope, mpf::Id file, std::int64_t position) {
  scope.query<File>().where(orm::f<&File::id> == file).update(orm::set<&File::position>(position));
  scope.query<Item>().where(orm::f<&Item::file> == file).update(orm::set<&Item::position>(position));
}

/// What a task has found in the folder about one of its files.
struct Look {
  std::optional<FoundFile> found;  // nothing: gone since the scan, and retired at the end
  std::string unreadable;
};

/// Error(unavailable) unless the source's folder is the one that the files were found in.
void require_folder(const Source& source, const ImportFiles& part) {
  if (part.folder != 0) OpenFolder::require_same(source.folder, part.folder);
}

std::vector<Look> look_at_all(const Source& source, const ImportFiles& part,
                              const std::vector<std::string>& paths) {
  return mpf::fiber::offload([&] {
    require_folder(source, part);
    const OpenFolder opened(source.folder);
    std::vector<Look> looks;
    for (const auto& path : paths) {
      auto& look = looks.emplace_back();
      try {
        look.found = opened.look_at(path);
      } catch (const mpf::Error& error) {
        if (error.kind() != mpf::ErrorKind::denied) throw;
        look.unreadable = "no permission to look at it";
      }
    }
    return looks;
  });
}

/// Takes a file; gives the reason why it can't be, if that is the file's own, and may say that it is gone.
std::string try_to_take(Taken& taken, const Source& source, mpf::storage::Storage& storage,
                        const std::string& folder, bool& gone) {
  try {
    take(taken, source, storage, folder);
    return {};
  } catch (const mpf::Error& error) {
    switch (error.kind()) {
      case mpf::ErrorKind::not_found:
        gone = true;
        return {};
      case mpf::ErrorKind::denied:
        return "no permission to read it";
      case mpf::ErrorKind::invalid:
      case mpf::ErrorKind::too_large:
        return error.what();
      default:
        throw;
    }
  }
}

}  // namespace

void import_files(mpf::TaskContext& ctx, const ImportFiles& payload) {
  const auto scope = ctx.scope();
  const auto source = source_of_run(scope, payload.source, payload.run);
  if (!source) return;
  const auto folder = storage_folder(*ctx.site(), source->id);

  std::vector<std::string> paths;
  for (const auto& entry : payload.files) paths.push_back(entry.path);
  std::unordered_map<std::string, File> known;
  for (auto& file : scope.query<File>()
                        .where(orm::f<&File::source> == source->id && orm::f<&File::path>.in(paths))
                        .all()) {
    auto path = file.path;
    known.emplace(std::move(path), std::move(file));
  }
  const auto looks = look_at_all(*source, payload, paths);

  std::vector<mpf::Id> unchanged;
  std::vector<std::pair<mpf::Id, std::int64_t>> moved;
  std::vector<Taken> taken;
  LeftOuts left_outs(source->folder);
  UnrecordedFiles unrecorded(ctx.storage());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto before = known.find(paths[i]);
    const bool there = before != known.end() && !before->second.retired_at;
    const auto leave = [&](const std::string& reason) {
      left_outs.add({paths[i], reason}, FolderWalk::Why::unreadable);
      if (there) unchanged.push_back(before->second.id);
    };
    if (!looks[i].unreadable.empty()) leave(looks[i].unreadable);
    if (!looks[i].found) continue;
    if (there && before->second.size == looks[i].found->size &&
        before->second.modified == looks[i].found->modified) {
      unchanged.push_back(before->second.id);
      const auto position = payload.files[i].position;
      if (before->second.position != position) moved.emplace_back(before->second.id, position);
      continue;
    }
    Taken file;
    file.entry = &payload.files[i];
    file.found = *looks[i].found;
    if (before != known.end()) file.before = before->second;
    bool gone = false;
    if (const auto reason = try_to_take(file, *source, ctx.storage(), folder, gone); !reason.empty()) {
      leave(reason);
    } else if (!gone) {
      unrecorded.add(file.stored.name);
      taken.push_back(std::move(file));
    }
    ctx.task().progress(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(paths.size()));
  }

  // What was not met there is gone only if it was the same folder all the time.
  mpf::fiber::offload([&] { require_folder(*source, payload); });

  ctx.db().transaction([&](mpf::db::Transaction& tx) {
    ctx.task().check_lease();
    left_outs.tell(scope, source->id);
    if (!unchanged.empty()) {
      scope.query<File>().where(orm::f<&File::id>.in(unchanged)).update(orm::set<&File::run>(source->run));
    }
    for (const auto& [file, position] : moved) move(scope, file, position);
    for (auto& file : taken) record(scope, *source, file);
    if (!taken.empty() || !moved.empty()) content_changed(ctx, ctx.site_id());
    ctx.task().complete_in(tx);
  });
  unrecorded.keep();
}

void add_import_tasks(mpf::Setup& s) {
  const mpf::task::TaskOptions options{
      .max_attempts = 4,
      .backoff = {.base = std::chrono::milliseconds(500), .max = std::chrono::seconds(5)},
      .timeout = std::chrono::minutes(30),
      .max_crashes = 20};
  s.task<ImportScan>("content.import_scan", import_scan, options);
  s.task<ImportFiles>("content.import_files", import_files, options);
  s.task<ImportFinish>("content.import_finish", import_finish, options);
}

}  // namespace portal::content
