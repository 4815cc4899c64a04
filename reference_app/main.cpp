#include <mpf/app/application.hpp>
#include <mpf_embedded/portal_profiles.hpp>

#include "content/collection/module.hpp"
#include "content/import/module.hpp"
#include "content/item/module.hpp"
#include "foundation/sample/module.hpp"
#include "foundation/site/module.hpp"
#include "frontend/portal/module.hpp"
#include "user/account/module.hpp"

int main(int argc, char** argv) {
  mpf::Application application(
      mpf::modules<portal::foundation::SiteModule, portal::user::AccountModule,
                   portal::content::CollectionModule, portal::content::ItemModule,
                   portal::content::ImportModule, portal::foundation::SampleModule,
                   portal::frontend::PortalModule>(),
      {.name = "portal", .version = PORTAL_VERSION, .profiles = &portal::profiles()});
  return application.main(argc, argv);
}
