#include "content/import/records.hpp"

#include <utility>

#include <fmt/core.h>

#include <mpf/base/text.hpp>

namespace portal::content {

std::optional<Source> source_of_run(const orm::SiteScope& scope, mpf::Id id, std::int64_t run) {
  auto source = scope.find<Source>(id);
  if (!source || source->run != run) return std::nullopt;
  return source;
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
