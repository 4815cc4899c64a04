// expect: extends<Base>() is for structs that derive from that model
// expect: Thing
#include <mpf/orm/inherit.hpp>

#include "models.hpp"

struct Thing {
  mpf::orm::Id id;
  static constexpr auto model() {
    return mpf::orm::model<Thing>("thing", mpf::orm::extends<Country>("thing"));
  }
};
const mpf::orm::Table& table = mpf::orm::table_of<Thing>();
