// expect: this field is always there: it is no std::optional
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(f<&Article::title>.is_null()); }
