#include <unordered_map>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

#include "benchmarks/data_model.hpp"
#include "benchmarks/data_subject.hpp"

namespace mpf::bench {

namespace {

class MpfSubject final : public Subject {
 public:
  MpfSubject(fiber::Runtime& runtime, db::Database& db) : runtime_(runtime), scope_(db, "benchmark") {}

  Measured run(Work work) override {
    return fiber::spawn(runtime_, [&] { return run_here(work); }).get();
  }

 private:
  Measured run_here(Work work) {
    switch (work) {
      case Work::read:
        return read();
      case Work::get:
        return get();
      case Work::bulk_insert:
        return bulk_insert();
      case Work::update:
        return update();
      case Work::prefetch:
        return prefetch();
    }
    return {};
  }

  Measured read() {
    std::vector<Item> items;
    Measured measured = measure_work(1, [&] {
      items = scope_.query<Item>().all();
      return 0U;
    });
    for (const Item& item : items) measured.check += check_sum(item);
    return measured;
  }

  Measured get() {
    return measure_work(single_rows, [&] {
      std::uint64_t check = 0;
      for (std::size_t i = 0; i < single_rows; ++i) check += check_sum(scope_.get<Item>(orm::Id(some_id(i))));
      return check;
    });
  }

  Measured bulk_insert() {
    scope_.db().execute_script("DELETE FROM bench_new_item");
    if (scope_.db().dialect() == db::Dialect::postgres) scope_.db().execute_script("TRUNCATE bench_new_item");
    auto items = make_items<NewItem>(inserted_rows);
    return measure_work(1, [&] {
      scope_.insert_many(items);
      return items.size();
    });
  }

  Measured update() {
    ++updates_;
    std::vector<ChangedItem> items;
    items.reserve(single_rows);
    for (std::size_t i = 0; i < single_rows; ++i) {
      items.push_back(scope_.get<ChangedItem>(orm::Id(some_id(i))));
      items.back().title = "Changed " + std::to_string(updates_);
    }
    return measure_work(single_rows, [&] {
      for (ChangedItem& item : items) scope_.update<&ChangedItem::title>(item);
      return items.size();
    });
  }

#if __has_include(<mpf/orm/detail/prefetch.hpp>)
  Measured prefetch() {
    return measure_work(1, [&] {
      std::uint64_t check = 0;
      for (const Author& author : scope_.query<Author>().prefetch<&Author::books>().all()) {
        check += author.name.size();
        for (const Book& book : author.books) {
          check += book.title.size() + static_cast<std::uint64_t>(book.pages);
        }
      }
      return check;
    });
  }
#else
  /// What prefetch<> does, by hand, while there is none.
  Measured prefetch() {
    return measure_work(1, [&] {
      std::uint64_t check = 0;
      const auto authors_found = scope_.query<Author>().all();
      std::vector<orm::Id> ids;
      std::unordered_map<orm::Id, std::vector<Book> > books;
      for (const Author& author : authors_found) ids.push_back(author.id);
      for (Book& book : scope_.query<Book>().where(orm::f<&Book::author>.in(ids)).all()) {
        books[book.author.id].push_back(std::move(book));
      }
      for (const Author& author : authors_found) {
        check += author.name.size();
        for (const Book& book : books[author.id]) {
          check += book.title.size() + static_cast<std::uint64_t>(book.pages);
        }
      }
      return check;
    });
  }
#endif

  fiber::Runtime& runtime_;
  orm::SystemScope scope_;
  int updates_ = 0;
};

}  // namespace

void fill(fiber::Runtime& runtime, db::Database& db) {
  fiber::spawn(runtime, [&] {
    for (const orm::Table& table :
         {orm::table_of<Item>(), orm::table_of<NewItem>(), orm::table_of<ChangedItem>(),
          orm::table_of<Author>(), orm::table_of<Book>()}) {
      for (const std::string& sql : orm::create_table_sql(table, db.dialect())) db.execute_script(sql);
    }
    const orm::SystemScope scope(db, "benchmark");
    auto items = make_items<Item>(read_rows);
    scope.insert_many(items);
    auto changed = make_items<ChangedItem>(read_rows);
    scope.insert_many(changed);
    std::vector<Author> writers(authors);
    for (std::size_t i = 0; i < authors; ++i) writers[i].name = "Author " + std::to_string(i);
    scope.insert_many(writers);
    std::vector<Book> books;
    books.reserve(authors * books_each);
    for (const Author& author : writers) {
      for (std::size_t i = 0; i < books_each; ++i) {
        Book& book = books.emplace_back();
        book.author = orm::Ref<Author>(author);
        book.title = "Book " + std::to_string(i) + " of " + author.name;
        book.pages = static_cast<std::int32_t>(i * 100);
      }
    }
    scope.insert_many(books);
    db.execute_script("ANALYZE");
  }).get();
}

std::unique_ptr<Subject> mpf_subject(fiber::Runtime& runtime, db::Database& db) {
  return std::make_unique<MpfSubject>(runtime, db);
}

}  // namespace mpf::bench
