// expect: needs a std::string field with orm::row_kind
// expect: Country
#include <mpf/orm/inherit.hpp>

#include "models.hpp"

struct Thing : Country {
  static constexpr auto model() {
    return mpf::orm::model<Thing>("thing", mpf::orm::extends<Country>("thing"));
  }
};
const mpf::orm::Table& table = mpf::orm::table_of<Thing>();
