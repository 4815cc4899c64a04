#include "content/import/records.hpp"

#include <utility>

#include <algorithm>

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

void tell_reasons(Source& source, const std::vector<LeftOut>& left_out) {
  constexpr std::ptrdiff_t most_lines = 10;
  auto lines = std::count(source.reasons.begin(), source.reasons.end(), '\n');
  for (const auto& [path, reason] : left_out) {
    const auto line = fmt::format("{}: {}", printable(path), reason);
    mpf::log::warning("import of '{}' leaves out {}", source.folder, line);
    if (lines++ < most_lines) source.reasons += line + "\n";
  }
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
