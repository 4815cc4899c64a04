// expect: set_null needs a std::optional<orm::Ref>
// expect: &Thing::country
#include "models.hpp"

struct Thing {
  mpf::orm::Id id;
  mpf::orm::Ref<Country> country;
  static constexpr auto model() {
    return mpf::orm::model<Thing>(
        "thing", mpf::orm::field<&Thing::country>(mpf::orm::on_delete(mpf::orm::OnDelete::set_null)));
  }
};
const mpf::orm::Table& table = mpf::orm::table_of<Thing>();
