#include "content/collection/module.hpp"

#include <mpf/app/setup.hpp>
#include <mpf_embedded/portal_content_collection_migrations.hpp>

#include "content/collection/models.hpp"

namespace portal::content {

void CollectionModule::setup(mpf::Setup& s) {
  s.model<Collection>();
  s.migrations(collection_migrations(), PORTAL_SOURCE_FOLDER "/content/collection/migrations");
}

}  // namespace portal::content
