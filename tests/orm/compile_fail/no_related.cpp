// expect: this field is no orm::Ref: nothing is related by it
// expect: &Article::title
#include "models.hpp"

#include <mpf/orm/related.hpp>

void test(const mpf::orm::SiteScope& site) {
  site.query<User>().where(mpf::orm::related<&Article::title>().exist());
}
