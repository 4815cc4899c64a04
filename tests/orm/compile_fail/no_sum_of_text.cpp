// expect: only numbers and durations have a sum
// expect: &Article::title
#include "models.hpp"

#include <mpf/orm/aggregate.hpp>

void test(const mpf::orm::SiteScope& site) { site.query<Article>().aggregate(sum(f<&Article::title>)); }
