#include <mpf/tenant/models.hpp>

#include <mpf_embedded/mpf_tenant_migrations.hpp>

namespace mpf::tenant {

std::vector<orm::Table> tables() {
  return {orm::table_of<Provider>(), orm::table_of<Site>(), orm::table_of<SiteHost>()};
}

}  // namespace mpf::tenant
