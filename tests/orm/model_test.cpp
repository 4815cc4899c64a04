#include <mpf/orm/model.hpp>

#include <doctest/doctest.h>

#include <mpf/base/json.hpp>
#include <mpf/fiber/fiber.hpp>

#include "orm/models.hpp"

using namespace mpf;
using namespace mpf::test;

TEST_CASE("the table says what the description says") {
  const orm::Table& table = orm::table_of<Article>();
  CHECK(table.name == "article");
  CHECK(table.tenant_column == "site_id");
  const auto column = [&](std::string_view name) -> const orm::Column& {
    for (const auto& each : table.columns) {
      if (each.name == name) return each;
    }
    FAIL("no column " << name);
    return table.columns.front();
  };
  CHECK(table.columns.front().name == "id");
  CHECK(table.columns.front().primary_key);
  CHECK(column("site_id").references == orm::Reference{"site", "id", orm::OnDelete::restrict});
  CHECK(column("editor_id").nullable);
  CHECK(column("editor_id").references->on_delete == orm::OnDelete::set_null);
  CHECK(column("title").max_length == 200);
  CHECK(column("summary").nullable);
  CHECK(column("reads").type == orm::ColumnType::bigint);
  CHECK(column("rank").type == orm::ColumnType::integer);
  CHECK(column("score").type == orm::ColumnType::real);
  CHECK(column("pinned").type == orm::ColumnType::boolean);
  CHECK(column("published_at").type == orm::ColumnType::timestamp);
  CHECK(column("options").type == orm::ColumnType::json);
  CHECK(column("digest").type == orm::ColumnType::bytes);
  std::vector<std::string> indexes;
  for (const auto& index : table.indexes) indexes.push_back(index.name);
  // The reference to the site leads the index of site and title: none of its own.
  CHECK(indexes == std::vector<std::string>{"article_author_id_idx", "article_editor_id_idx",
                                            "article_parent_id_idx", "article_published_at_idx",
                                            "article_site_id_id_key", "article_site_id_title_idx",
                                            "article_theme_id_idx"});
  const orm::Table& user = orm::table_of<User>();
  CHECK(user.columns[4].choices == std::vector<std::string>{"member", "staff", "owner"});
  CHECK(user.indexes == std::vector<orm::Index>{{"user_site_id_email_key", {"site_id", "email"}, true},
                                                {"user_site_id_id_key", {"site_id", "id"}, true}});
  CHECK(orm::table_of<Site>().tenant_column == "id");
}

TEST_CASE("the tables hold what the models promise") {
  fiber::run([] {
    const World world;
    const auto refused = [&](const std::string& sql) {
      try {
        world.db->execute({sql, {}, db::Access::write});
      } catch (const Error&) {
        return true;
      }
      return false;
    };
    const std::string user = "INSERT INTO user (site_id, email, name, role) VALUES ";
    CHECK(!refused(user + "(1, 'x', 'X', 'staff')"));
    CHECK(refused(user + "(1, 'y', 'Y', 'king')"));
    CHECK(refused(user + "(1, 'x', 'X', 'staff')"));
    CHECK(refused(user + "(99, 'z', 'Z', 'staff')"));
    CHECK(refused(user + "(1, NULL, 'Z', 'staff')"));
    CHECK(refused(user + "('one', 'z', 'Z', 'staff')"));
  });
}

TEST_CASE("models are JSON as any described struct; references are ids") {
  Provider row{.id = orm::Id(3), .name = "x"};
  CHECK(to_json(row) == R"({"id":3,"name":"x"})");
  Site site{.id = orm::Id(1), .provider = orm::Ref(row), .name = "s"};
  CHECK(to_json(site) == R"({"id":1,"provider":3,"name":"s"})");
  CHECK(from_json<Site>(R"({"id":1,"provider":3,"name":"s"})").provider == site.provider);
}

TEST_CASE("long names of indexes are shortened, and stay different") {
  const std::string table(40, 't');
  std::string column(40, 'a');
  const auto first = orm::index_name(table, {column}, false);
  column.back() = 'b';
  const auto second = orm::index_name(table, {column}, false);
  CHECK(first.size() <= 63);
  CHECK(first.ends_with("_idx"));
  CHECK(first != second);
  CHECK(orm::index_name("user", {"site_id", "email"}, true) == "user_site_id_email_key");
}
