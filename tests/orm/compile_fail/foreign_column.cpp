// expect: this condition is on fields of another model than the one queried
// expect: &User::email
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(f<&User::email> == "x"); }
