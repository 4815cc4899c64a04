// expect: only an orm::Ref leads to fields of another model
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::title, &User::email> == "x");
}
