// expect: with<> loads references: this field is no orm::Ref
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().with<&Article::title>(); }
