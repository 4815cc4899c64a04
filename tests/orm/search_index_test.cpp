#include <mpf/orm/full_text.hpp>

#include <fmt/core.h>

#include "orm/relations.hpp"

namespace mpf::test {
namespace {

using orm::f;

struct Leaflet {
  orm::Id id;
  std::string title;
  std::optional<std::string> body;

  static constexpr auto model() {
    return orm::model<Leaflet>("leaflet", orm::field<&Leaflet::title>(), orm::field<&Leaflet::body>(),
                               orm::search_index<&Leaflet::title, &Leaflet::body>());
  }
};

}  // namespace

TEST_CASE("search() goes by the index that the model declares") {
  on_each_database([](db::Dialect dialect) {
    const FreshDatabase db(dialect);
    for (const auto& sql : orm::create_table_sql(orm::table_of<Leaflet>(), dialect)) db->execute_script(sql);
    const orm::SystemScope scope(*db, "a test looks at everything");
    std::vector<Leaflet> leaflets;
    for (int i = 0; i < 3000; ++i) {
      leaflets.push_back({.title = fmt::format("Leaflet{} about wine", i), .body = "Nothing, much."});
    }
    leaflets[7].body = "Ein roter Wein, ÄPFEL und Birnen";
    leaflets[8].body.reset();
    scope.insert_many(leaflets);
    const auto found = [&](std::string_view words) {
      return scope.query<Leaflet>().where(orm::search(words, f<&Leaflet::title>, f<&Leaflet::body>));
    };
    CHECK(found("äpfel").one().id == leaflets[7].id);
    CHECK(found("leaflet8").one().id == leaflets[8].id);
    CHECK(found("\"roter wein\"").count() == 1);
    CHECK(found("wine -nothing").count() == 2);
    CHECK(found("leaflet29*").count() == 111);
    if (dialect == db::Dialect::sqlite) return;
    scope.transaction([&] {
      db->execute_script("SET LOCAL enable_seqscan = off");  // only where there is another way
      const auto plan = found("äpfel").explain();
      INFO(plan);
      CHECK(plan.find("leaflet_title_body_search_idx") != std::string::npos);
      // Other texts, or in another order, are another index's.
      const auto other = scope.query<Leaflet>().where(orm::search("äpfel", f<&Leaflet::body>)).explain();
      CHECK(other.find("search_idx") == std::string::npos);
    });
    // What is written later is found as well.
    leaflets[9].body = "Quitten";
    scope.update(leaflets[9]);
    CHECK(found("quitten").count() == 1);
  });
}

}  // namespace mpf::test
