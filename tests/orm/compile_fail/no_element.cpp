// expect: values of this type are no elements of arrays
// expect: &Note::price
#include <mpf/orm/aggregate.hpp>

#include "models.hpp"

struct Note {
  mpf::orm::Id id;
  mpf::Decimal<2> price;
  static constexpr auto model() { return mpf::orm::model<Note>("note", mpf::orm::field<&Note::price>()); }
};
void test(const mpf::orm::SystemScope& scope) {
  scope.query<Note>().aggregate(mpf::orm::collect(f<&Note::price>));
}
