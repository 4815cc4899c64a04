// expect: this field is no member of the model that the reference leads to
// expect: &Article::author
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::author, &Site::name> == "x");
}
