// expect: this field is no text
// expect: &Article::rank
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(f<&Article::rank>.contains("x")); }
