// expect: this is a field of another model than the one queried
// expect: &User::email
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().order_by(mpf::orm::asc<&User::email>); }
