// expect: this model has no tenant field: only a SystemScope may use it
// expect: Country
#include "models.hpp"

void test(const mpf::orm::SiteScope& site) { site.query<Country>(); }
