#include "content/item/module.hpp"

#include <mpf/app/setup.hpp>
#include <mpf_embedded/portal_content_item_migrations.hpp>

#include "content/item/models.hpp"
#include "content/item/routes.hpp"

namespace portal::content {

void ItemModule::setup(mpf::Setup& s) {
  s.model<Source>();
  s.model<Folder>();
  s.model<File>();
  s.model<Item>();
  s.model<Grant>();
  s.migrations(item_migrations(), PORTAL_SOURCE_FOLDER "/content/item/migrations");
  add_item_routes(s);
  add_delivery_routes(s);
}

}  // namespace portal::content
