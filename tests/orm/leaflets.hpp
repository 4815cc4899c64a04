#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/orm/full_text.hpp>

#include "orm/relations.hpp"

/// Texts that are searched, with an index and without.
namespace mpf::test {

// [model]
struct Leaflet {
  orm::Id id;
  std::string slug;
  std::string title;
  std::optional<std::string> body;
  std::optional<Timestamp> retired_at;

  static constexpr auto model() {
    return orm::model<Leaflet>("leaflet", orm::field<&Leaflet::slug>(orm::unique()),
                               orm::field<&Leaflet::title>(), orm::field<&Leaflet::body>(),
                               orm::field<&Leaflet::retired_at>(orm::retired),
                               orm::search_index<&Leaflet::title, &Leaflet::body>());
  }
};
// [/model]

/// The same rows for somebody who knows nothing of the index: a search looks at each.
struct PlainLeaflet {
  orm::Id id;
  std::string title;
  std::optional<std::string> body;

  static constexpr auto model() {
    return orm::model<PlainLeaflet>("leaflet", orm::field<&PlainLeaflet::title>(),
                                    orm::field<&PlainLeaflet::body>());
  }
};

using Ids = std::vector<std::int64_t>;

template <class T>
Ids ids_of(const orm::Query<T>& query) {
  Ids ids;
  for (const T& row : query.order_by(orm::asc<&T::id>).all()) ids.push_back(row.id.value);
  return ids;
}

struct Leaflets {
  FreshDatabase db;
  orm::SystemScope scope;

  explicit Leaflets(db::Dialect dialect) : db(dialect), scope(*db, "a test looks at everything") {
    for (const auto& sql : tables_sql({&orm::table_of<Leaflet>()}, dialect)) db->execute_script(sql);
  }

  orm::Query<Leaflet> query(std::string_view words) const {
    return scope.query<Leaflet>().with_retired().where(
        orm::search(words, orm::f<&Leaflet::title>, orm::f<&Leaflet::body>));
  }
  Ids by_index(std::string_view words) const { return ids_of(query(words)); }
  Ids by_scan(std::string_view words) const {
    return ids_of(scope.query<PlainLeaflet>().where(
        orm::search(words, orm::f<&PlainLeaflet::title>, orm::f<&PlainLeaflet::body>)));
  }
  std::size_t found(std::string_view words) const { return by_index(words).size(); }

  Leaflet add(std::string slug, std::string title, std::optional<std::string> body = std::nullopt) const {
    Leaflet made{.slug = std::move(slug), .title = std::move(title), .body = std::move(body)};
    scope.insert(made);
    return made;
  }

  /// Whether the index holds exactly the words of the rows.
  bool index_is_right() const { return index_is_right(*db); }
  static bool index_is_right(db::Database& db) {
    if (db.dialect() == db::Dialect::postgres) return true;
    try {
      db.execute_script(
          "INSERT INTO leaflet_title_body_search_idx (leaflet_title_body_search_idx) VALUES "
          "('integrity-check')");
    } catch (const Error&) {
      return false;
    }
    return number_from(
               db,
               "SELECT count(*) FROM (SELECT id, document FROM mpf_words_leaflet_title_body_search_idx "
               "EXCEPT SELECT rowid, document FROM leaflet_title_body_search_idx)") == 0 &&
           number_from(db, "SELECT count(*) FROM leaflet_title_body_search_idx") ==
               number_from(db, "SELECT count(*) FROM leaflet");
  }
};

}  // namespace mpf::test
