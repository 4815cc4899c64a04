// expect: max_length is for std::string fields
// expect: &Thing::size
#include "models.hpp"

struct Thing {
  mpf::orm::Id id;
  int size = 0;
  static constexpr auto model() {
    return mpf::orm::model<Thing>("thing", mpf::orm::field<&Thing::size>(mpf::orm::max_length(3)));
  }
};
const mpf::orm::Table& table = mpf::orm::table_of<Thing>();
