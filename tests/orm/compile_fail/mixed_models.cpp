// expect: these are fields of different models
// expect: &User::email
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::title> == "x" && f<&User::email> == "y");
}
