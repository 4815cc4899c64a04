#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mpf/db/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/json.hpp>
#include <mpf/orm/scope.hpp>

#include "db/allocation_faults.hpp"
#include "orm/library.hpp"
#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using library::Author;
using library::Book;
using orm::asc;
using orm::f;

namespace {

const std::string long_text = "a text that is too long for the string itself";

struct Undone : std::exception {};

struct Path {
  std::string name;
  std::function<void()> run;
};

/// Three books of one author, with values of every kind.
struct Books {
  library::Library all;
  Author author;
  orm::Id first;

  explicit Books(db::Dialect dialect) : all(dialect), author(all.author(long_text)) {
    for (int i = 0; i < 3; ++i) insert();
    first = all.books().first()->id;
  }

  Book made() const {
    Book book = all.book(author, long_text);
    book.summary = long_text;
    book.options = Json::parse("{\"text\": \"" + long_text + "\"}");
    book.tags = {long_text, "short"};
    book.pages = {1, 2, 3};
    book.price = *Decimal<2>::parse("12.50");
    book.received = *Date::parse("2026-11-21");
    book.published_at = Timestamp(Microseconds(1'000'000));
    return book;
  }
  Book insert() const { return all.scope.insert(made()); }

  void check(const Book& book) const {
    const bool right = book.title == long_text && book.summary == long_text && book.tags.size() == 2 &&
                       book.options.text().find(long_text) != std::string::npos && book.pages->size() == 3 &&
                       book.price == *Decimal<2>::parse("12.50") && book.author.id == author.id;
    if (!right) throw std::logic_error("a row is wrong");
  }
  template <class Rows>
  void check_all(const Rows& rows) const {
    if (rows.size() != 3) throw std::logic_error("not all rows");
    for (const Book& each : rows) check(each);
  }

  void undo(const std::function<void()>& work) const {
    try {
      all.scope.transaction([&] {
        work();
        throw Undone();
      });
    } catch (const Undone&) {
    }
  }

  std::vector<Path> paths() const {
    const auto books = all.books();
    const auto& scope = all.scope;
    return {
        {"rows into structs", [=, this] { check_all(books.all()); }},
        {"rows with what a reference leads to",
         [=, this] {
           const auto rows = books.with<&Book::author>().all();
           check_all(rows);
           if (rows.front().author->name != long_text) throw std::logic_error("the author is wrong");
         }},
        {"one row by its id", [&, this] { check(scope.get<Book>(first)); }},
        {"row by row", [=, this] { books.each([&](Book& book) { check(book); }); }},
        {"a page",
         [=, this] {
           const auto page = books.page({.size = 2, .key = "a secret"});
           check_all(std::vector{page.rows[0], page.rows[1],
                                 books.page({.size = 2, .after = page.next, .key = "a secret"}).rows.at(0)});
         }},
        {"values into tuples",
         [=] {
           const auto rows = books.select<&Book::title, &Book::tags, &Book::price>();
           if (std::get<1>(rows.at(2)).front() != long_text) throw std::logic_error("a value is wrong");
         }},
        {"groups",
         [=, this] {
           const auto rows = all.scope.query<Book>()
                                 .group_by<&Book::title>()
                                 .selection(f<&Book::title>, orm::count())
                                 .all();
           if (std::get<1>(rows.at(0)) != 3) throw std::logic_error("the count is wrong");
         }},
        {"a batch",
         [&, this] {
           orm::Batch batch(scope);
           const auto one = batch.find<Book>(first);
           const auto rows = batch.all(all.books().with<&Book::author>());
           batch.run();
           check(**one);
           check_all(*rows);
         }},
        {"rows as JSON text",
         [=] {
           std::size_t size = 0;
           orm::write_json(books, [&](std::string_view text) { size += text.size(); });
           if (size < 3 * long_text.size()) throw std::logic_error("the text is wrong");
         }},
        {"rows that are written",
         [&, this] {
           undo([&] {
             Book book = insert();
             book.title = "another";
             scope.update(book);
             std::vector<Book> more{made(), made()};
             scope.insert_many(more);
             scope.remove<Book>(book.id);
           });
         }},
    };
  }

  void goes_on() const {
    check_all(all.books().all());
    CHECK(all.db->current() == nullptr);
    all.scope.transaction([&] { all.scope.query<Author>().update(orm::set<&Author::name>(long_text)); });
  }
};

/// A post with sets of every kind.
struct Posts {
  Blog blog;
  orm::SiteScope scope;

  explicit Posts(db::Dialect dialect) : blog(dialect), scope(blog.scope(blog.acme)) {
    for (const char* const slug : {"a", "b"}) {
      const Post post = scope.insert(blog.post(blog.ann, slug));
      for (int i = 0; i < 3; ++i) scope.insert(blog.comment(post, blog.ann, long_text, i));
    }
  }

  std::vector<Path> paths() const {
    return {
        {"sets",
         [this] {
           const auto posts = scope.query<Post>()
                                  .prefetch<&Post::comments>(
                                      [](auto query) { return query.template with<&Comment::author>(); })
                                  .prefetch<&Post::tags>()
                                  .all();
           if (posts.size() != 2 || posts[1].comments.size() != 3) throw std::logic_error("rows are missing");
           if (posts[1].comments[2].author->name != "Ann") throw std::logic_error("the author is wrong");
         }},
        {"a write with a change log, whose rule is broken",
         [this] {
           try {
             scope.transaction([&] {
               Post post = scope.query<Post>().where(f<&Post::slug> == "a").one();
               post.slug = "b";
               scope.update(post);
             });
           } catch (const db::ConstraintError&) {
           }
         }},
    };
  }

  void goes_on() const {
    CHECK(scope.query<Post>().order_by(asc<&Post::id>).first()->slug == "a");
    CHECK(scope.query<Comment>().count() == 6);
    CHECK(blog.db->current() == nullptr);
  }
};

template <class World>
void fail_all(db::Dialect dialect, std::int64_t at_least) {
  std::size_t number = 0;
  {
    const World world(dialect);
    number = world.paths().size();
  }
  std::int64_t failures = 0;
  for (std::size_t i = 0; i < number; ++i) {
    CHECK(leaked([&] {
            const World world(dialect);
            const Path path = world.paths()[i];
            CAPTURE(path.name);
            failures += fail_each_allocation(path.run, [&] { world.goes_on(); });
          }) <= 0);
  }
  CHECK(failures > at_least);
}

}  // namespace

TEST_CASE("every allocation between a statement and its structs fails once: nothing leaks, all goes on") {
  for (const db::Dialect dialect : databases()) {
    CAPTURE(dialect);
    fiber::run(
        [&] {
          fail_all<Books>(dialect, 500);
          fail_all<Posts>(dialect, 200);
        },
        {.loops = 1});
  }
}
