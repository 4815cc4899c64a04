// expect: the version and the kind of a row are set by the ORM alone: this field cannot be updated
// expect: &Look::kind
#include "models.hpp"

void test(const mpf::orm::SystemScope& all) { all.query<Look>().update(mpf::orm::set<&Look::kind>("other")); }
