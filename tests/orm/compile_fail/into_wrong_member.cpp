// expect: this member cannot hold the value selected for it
// expect: &Row::rank
#include "models.hpp"

struct Row {
  std::string title;
  int rank = 0;
  static constexpr auto describe() {
    return mpf::describe(mpf::field<&Row::title>(), mpf::field<&Row::rank>());
  }
};
void test(const mpf::orm::SiteScope& site) {
  site.query<Article>().select_into<Row>(f<&Article::title>, f<&Article::rank>);
}
