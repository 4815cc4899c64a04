// expect: a row of this model lies in two tables
// expect: Thing
#include <mpf/orm/inherit.hpp>

#include "models.hpp"

struct Base {
  mpf::orm::Id id;
  std::string kind;
  std::string code;
  static constexpr auto model() {
    return mpf::orm::model<Base>("base", mpf::orm::field<&Base::kind>(mpf::orm::row_kind),
                                 mpf::orm::field<&Base::code>(mpf::orm::unique()));
  }
};
struct Thing : Base {
  static constexpr auto model() { return mpf::orm::model<Thing>("thing", mpf::orm::extends<Base>("thing")); }
};
void store(const mpf::orm::SystemScope& scope, Thing& thing) { scope.upsert<&Base::code>(thing); }
