// expect: the type of this value does not fit the field
// expect: &Booking::days
#include "models.hpp"

struct Booking {
  mpf::orm::Id id;
  mpf::Range<mpf::Date> days;
  static constexpr auto model() {
    return mpf::orm::model<Booking>("booking", mpf::orm::field<&Booking::days>());
  }
};
void test(const mpf::orm::SystemScope& scope) { scope.query<Booking>().where(f<&Booking::days>.has(7)); }
