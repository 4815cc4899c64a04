// expect: this field is no text
// expect: &Article::rank
#include "models.hpp"

#include <mpf/orm/functions.hpp>

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(lower(f<&Article::rank>) == "x"); }
