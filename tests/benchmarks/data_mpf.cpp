#include <optional>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

#include "benchmarks/data_model.hpp"
#include "benchmarks/data_subject.hpp"

namespace mpf::bench {

namespace {

class MpfSubject final : public NativeSubject {
 public:
  MpfSubject(fiber::Runtime& runtime, db::Database& db, db::Database* durable)
      : runtime_(runtime), scope_(db, "benchmark") {
    if (durable) durable_.emplace(*durable, "benchmark");
  }

  Measured run(Work work) override {
    return fiber::spawn(runtime_, [&] { return NativeSubject::run(work); }).get();
  }

 private:
  Measured read() override {
    std::vector<Item> items;
    Measured measured = measure_work(1, [&] {
      items = scope_.query<Item>().all();
      return 0U;
    });
    for (const Item& item : items) measured.check += check_sum(item);
    return measured;
  }

  Measured get() override {
    return measure_work(single_rows, [&] {
      std::uint64_t check = 0;
      for (std::size_t i = 0; i < single_rows; ++i) check += check_sum(scope_.get<Item>(orm::Id(some_id(i))));
      return check;
    });
  }

  Measured bulk_insert() override {
    scope_.db().execute_script("DELETE FROM bench_new_item");
    if (scope_.db().dialect() == db::Dialect::postgres) scope_.db().execute_script("TRUNCATE bench_new_item");
    auto items = make_items<NewItem>(inserted_rows);
    return measure_work(1, [&] {
      scope_.insert_many(items);
      return items.size();
    });
  }

  Measured update() override {
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

  Measured prefetch() override {
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

  /// As many requests of a server would: at the same time.
  Measured commits() override {
    ++updates_;
    constexpr std::size_t fibers = 32;
    return measure_work(single_rows, [&] {
      std::size_t next = 0;
      std::vector<fiber::Fiber<>> all;
      for (std::size_t i = 0; i < fibers; ++i) {
        all.push_back(fiber::spawn([&] {
          while (next < single_rows) {
            const orm::Id id(some_id(next++));
            durable_->transaction([&] {
              durable_->query<ChangedItem>()
                  .where(orm::f<&ChangedItem::id> == id)
                  .update(orm::set<&ChangedItem::title>("Changed " + std::to_string(updates_)));
            });
          }
        }));
      }
      for (auto& each : all) each.get();
      return single_rows;
    });
  }

  Measured search(std::size_t count) override { return search_in<SearchedItem>(count); }
  Measured scan(std::size_t count) override { return search_in<ScannedItem>(count); }

  template <class T>
  Measured search_in(std::size_t count) {
    return measure_work(count, [&] {
      std::uint64_t check = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const auto words = orm::search(some_words(i), orm::f<&T::title>, orm::f<&T::body>);
        for (const T& item : scope_.query<T>().where(words).all()) check += check_sum(item);
      }
      return check;
    });
  }

  fiber::Runtime& runtime_;
  orm::SystemScope scope_;
  std::optional<orm::SystemScope> durable_;
  int updates_ = 0;
};

}  // namespace

void fill(fiber::Runtime& runtime, db::Database& db) {
  fiber::spawn(runtime, [&] {
    for (const orm::Table& table :
         {orm::table_of<Item>(), orm::table_of<NewItem>(), orm::table_of<ChangedItem>(),
          orm::table_of<SearchedItem>(), orm::table_of<Author>(), orm::table_of<Book>()}) {
      for (const std::string& sql : orm::create_table_sql(table, db.dialect())) db.execute_script(sql);
    }
    const orm::SystemScope scope(db, "benchmark");
    auto items = make_items<Item>(read_rows);
    scope.insert_many(items);
    auto changed = make_items<ChangedItem>(read_rows);
    scope.insert_many(changed);
    auto searched = make_items<SearchedItem>(read_rows);
    scope.insert_many(searched);
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

std::unique_ptr<Subject> mpf_subject(fiber::Runtime& runtime, db::Database& db, db::Database* durable) {
  return std::make_unique<MpfSubject>(runtime, db, durable);
}

}  // namespace mpf::bench
