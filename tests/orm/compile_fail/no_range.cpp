// expect: this field is no range
// expect: &Article::title
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().where(f<&Article::title>.within(mpf::Range<std::int64_t>::closed(1, 2)));
}
