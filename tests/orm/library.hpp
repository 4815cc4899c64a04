#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mpf/base/date.hpp>
#include <mpf/base/decimal.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

#include "support/postgres.hpp"

/// Authors, their books and reviews of these, for tests of queries on every database.
namespace mpf::test::library {

struct Author {
  orm::Id id;
  std::string name;
  std::optional<int> born;

  static constexpr auto model() {
    return orm::model<Author>("author", orm::field<&Author::name>(), orm::field<&Author::born>());
  }
};

enum class Kind { novel, poems, essay };

struct Book {
  orm::Id id;
  orm::Ref<Author> author;
  std::optional<orm::Ref<Author>> editor;
  std::string title;
  std::optional<std::string> summary;
  std::int64_t sold = 0;
  std::optional<int> rank;
  double rating = 0;
  std::optional<double> weight;
  bool in_print = false;
  Kind kind = Kind::novel;
  std::optional<Timestamp> published_at;
  std::optional<Date> received;
  Decimal<2> price;
  Json options;
  std::vector<std::string> tags;
  std::optional<std::vector<std::int64_t>> pages;

  static constexpr auto model() {
    return orm::model<Book>(
        "book", orm::field<&Book::author>(), orm::field<&Book::editor>(), orm::field<&Book::title>(),
        orm::field<&Book::summary>(), orm::field<&Book::sold>(), orm::field<&Book::rank>(),
        orm::field<&Book::rating>(), orm::field<&Book::weight>(), orm::field<&Book::in_print>(),
        orm::field<&Book::kind>(), orm::field<&Book::published_at>(), orm::field<&Book::received>(),
        orm::field<&Book::price>(), orm::field<&Book::options>(), orm::field<&Book::tags>(),
        orm::field<&Book::pages>());
  }
};

struct Review {
  orm::Id id;
  orm::Ref<Book> book;
  std::string text;
  int stars = 0;

  static constexpr auto model() {
    return orm::model<Review>("review", orm::field<&Review::book>(), orm::field<&Review::text>(),
                              orm::field<&Review::stars>());
  }
};

/// A database with these tables, empty. To be made in a fiber.
struct Library {
  FreshDatabase db;
  orm::SystemScope scope;

  explicit Library(db::Dialect dialect) : db(dialect), scope(*db, "a test looks at everything") {
    for (const orm::Table* table :
         {&orm::table_of<Author>(), &orm::table_of<Book>(), &orm::table_of<Review>()}) {
      for (const auto& sql : orm::create_table_sql(*table, dialect)) db->execute_script(sql);
    }
  }

  Author author(std::string name, std::optional<int> born = {}) const {
    return scope.insert(Author{.name = std::move(name), .born = born});
  }
  Book book(const Author& author, std::string title) const {
    Book made;
    made.author = orm::Ref<Author>(author.id);
    made.title = std::move(title);
    made.options = Json::parse("{}");
    return made;
  }
  orm::Query<Book> books() const { return scope.query<Book>().order_by(orm::asc<&Book::id>); }
};

}  // namespace mpf::test::library
