// expect: a row keeps its id and its tenant: this field cannot be updated
// expect: &Look::provider
#include "models.hpp"

void test(const mpf::orm::SystemScope& all) {
  all.query<Look>().update(mpf::orm::set<&Look::provider>(std::nullopt));
}
