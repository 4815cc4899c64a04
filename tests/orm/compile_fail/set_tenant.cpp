// expect: a row keeps its id and its tenant: this field cannot be updated
// expect: &Article::site
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().update(mpf::orm::set<&Article::site>(mpf::orm::Id(2)));
}
