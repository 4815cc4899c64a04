#include <mpf/auth/models.hpp>

#include <mpf_embedded/mpf_auth_migrations.hpp>

namespace mpf::auth {

std::vector<orm::Table> tables() {
  return {orm::table_of<User>(), orm::table_of<Password>(), orm::table_of<Session>()};
}

}  // namespace mpf::auth
