// expect: auto_now_add says when a row was made
// expect: &Look::made_at
#include "models.hpp"

void test(const mpf::orm::SystemScope& all) {
  all.query<Look>().update(mpf::orm::set<&Look::made_at>(mpf::Timestamp()));
}
