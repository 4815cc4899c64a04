// expect: this member is not among the fields that its model() lists
// expect: &Article::draft
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(f<&Article::draft> == "x"); }
