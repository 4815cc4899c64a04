// expect: this is a field of another model than the one queried
// expect: &User::email
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().selection(f<&User::email>); }
