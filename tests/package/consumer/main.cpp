#include <cstdio>
#include <string>

#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>

namespace orm = mpf::orm;

struct Book {
  orm::Id id;
  std::string title;
  static constexpr auto model() {
    return orm::model<Book>("book", orm::field<&Book::title>(orm::max_length(100)));
  }
};

int main(int, char** argv) {
  const auto found = mpf::fiber::run([&] {
    const auto db = mpf::db::open_sqlite({.file = argv[1]});
    for (const auto& sql : orm::create_table_sql(orm::table_of<Book>(), db->dialect()))
      db->execute_script(sql);
    const orm::SystemScope scope(*db, "example of a program that links only the ORM");
    scope.insert(Book{.id = {}, .title = "Emma"});
    return scope.query<Book>().where(orm::f<&Book::title>.starts_with("Em")).count();
  });
  std::printf("%d\n", static_cast<int>(found));
  return found == 1 ? 0 : 1;
}
