// expect: only a Decimal, or a whole number where the other is one, is divided exactly
// expect: &Article::title
#include <mpf/orm/functions.hpp>

#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().select(mpf::orm::divide<2>(f<&Article::title>, 3));
}
