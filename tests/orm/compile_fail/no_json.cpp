// expect: this field is no JSON
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::title>.json("x").exists());
}
