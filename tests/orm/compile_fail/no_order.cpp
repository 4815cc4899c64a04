// expect: this field has no order: only == and != compare it
// expect: &Article::author
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::author> < mpf::orm::Id(1));
}
