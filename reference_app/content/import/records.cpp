#include "content/import/records.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/text.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/telemetry/log.hpp>

#include "content/import/import.hpp"
#include "content/import/payloads.hpp"

namespace portal::content {

std::optional<Source> source_of_run(const orm::SiteScope& scope, mpf::Id id, std::int64_t run) {
  auto source = scope.find<Source>(id);
  if (!source || source->run != run) return std::nullopt;
  return source;
}

void begin_run(const mpf::Services& services, const orm::SiteScope& scope, Source& source) {
  ++source.run;
  source.total = 0;
  source.scanned.clear();
  source.scanned_folder = 0;
  source.problem.clear();
  source.again = false;
  source.left_out = source.unreadable = 0;
  source.reasons.clear();
  auto& tasks = services.tasks();
  const auto job = tasks.create_job(
      {.kind = std::string(job_kind), .unique_key = source.id.to_string(), .site = scope.site()},
      ImportFinish{source.id, source.run});
  tasks.enqueue(ImportScan{source.id, source.run}, {.site = scope.site(), .job = job});
  tasks.close_job(job);
  source.job = job.value;
  scope.update(source);
}

namespace {

constexpr std::size_t most_reasons = 10;

}  // namespace

void LeftOuts::add(const LeftOut& left_out, FolderWalk::Why why) {
  const bool unreadable = why == FolderWalk::Why::unreadable;
  auto line = fmt::format("{}: {}", printable(left_out.path), left_out.reason);
  mpf::log::warning("import of '{}' leaves out {}", folder_, line);
  ++count_;
  if (unreadable) unreadable_.push_back(left_out.path);
  auto& lines = unreadable ? unreadable_lines_ : lines_;
  if (lines.size() < most_reasons) lines.push_back(std::move(line));
}

void LeftOuts::tell(const orm::SiteScope& scope, mpf::Id source) const {
  if (count_ == 0) return;
  auto row = scope.query<Source>().where(orm::f<&Source::id> == source).for_update().one();
  row.left_out += count_;
  row.unreadable += static_cast<std::int64_t>(unreadable_.size());
  auto lines = unreadable_lines_;
  for (const auto line : mpf::split(row.reasons, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  lines.insert(lines.end(), lines_.begin(), lines_.end());
  row.reasons.clear();
  for (std::size_t i = 0; i < std::min(lines.size(), most_reasons); ++i) row.reasons += lines[i] + "\n";
  scope.update<&Source::unreadable, &Source::left_out, &Source::reasons>(row);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string storage_folder(const mpf::tenant::CurrentSite& site, mpf::Id source) {
  return fmt::format("{}/{}/source-{}", site.provider_slug, site.storage_folder, source.value);
}

Item new_item(const Source& source, const File& file, Kind kind, mpf::Id collection, std::int64_t position,
              std::string title, std::string summary) {
  Item item;
  item.collection = orm::Ref<Collection>(collection);
  item.file = orm::Ref<File>(file.id);
  item.title = std::move(title);
  item.summary = std::move(summary);
  item.slug = mpf::slugify(item.title).substr(0, 200);
  item.kind = kind;
  item.visibility = source.visibility;
  item.position = position;
  return item;
}

}  // namespace portal::content
