// expect: the type of this value does not fit the field
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::title>.in(site.query<User>().selection(f<&User::id>)));
}
