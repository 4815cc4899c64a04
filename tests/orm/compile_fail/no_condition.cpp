// expect: where() takes a condition such as f<&Model::member> == value
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Article>().where(true); }
