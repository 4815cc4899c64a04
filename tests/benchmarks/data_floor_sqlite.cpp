#include <sqlite3.h>

#include <stdexcept>
#include <unordered_map>

#include "benchmarks/data_floor.hpp"

namespace mpf::bench {

namespace {

/// What one would write against SQLite: prepared statements on one connection, as durable as MPF's.
class SqliteFloor final : public NativeSubject {
 public:
  explicit SqliteFloor(const std::filesystem::path& file) {
    check(sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
    run_script("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    const std::string columns =
        R"(SELECT "id", "title", "body", "score", "quantity", "active", "created_at", "note" FROM "bench_item")";
    run_script(
        "CREATE VIRTUAL TABLE bench_words USING fts5(title, body, content = 'bench_searched_item', "
        "content_rowid = 'id'); INSERT INTO bench_words (bench_words) VALUES ('rebuild')");
    search_ = prepare(
        R"(SELECT "id", i."title", i."body", "score", "quantity", "active", "created_at", "note" FROM )"
        R"("bench_words" JOIN "bench_searched_item" i ON i."id" = "bench_words".rowid WHERE "bench_words" MATCH ?)");
    read_ = prepare(columns);
    get_ = prepare(columns + R"( WHERE "id" = ?)");
    update_ = prepare(R"(UPDATE "bench_changed_item" SET "title" = ? WHERE "id" = ?)");
    insert_ = prepare(
        R"(INSERT INTO "bench_new_item" ("title", "body", "score", "quantity", "active", "created_at", "note") )"
        "VALUES (?, ?, ?, ?, ?, ?, ?)");
    authors_ = prepare(R"(SELECT "id", "name" FROM "bench_author" ORDER BY "id")");
    books_ = prepare(R"(SELECT "id", "author_id", "title", "pages" FROM "bench_book" WHERE "author_id" IN )"
                     "(SELECT value FROM json_each(?))");
  }
  ~SqliteFloor() override {
    for (sqlite3_stmt* const statement : {search_, read_, get_, update_, insert_, authors_, books_}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(handle_);
  }
  SqliteFloor(const SqliteFloor&) = delete;
  SqliteFloor& operator=(const SqliteFloor&) = delete;

 private:
  void check(int code, int wanted = SQLITE_OK) const {
    if (code != wanted) throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(handle_));
  }
  void run_script(const char* sql) { check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(handle_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }

  static void assign(sqlite3_stmt* statement, int column, std::string& into) {
    into.assign(reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
                static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
  }

  static void decode(sqlite3_stmt* statement, Item& item) {
    item.id = orm::Id(sqlite3_column_int64(statement, 0));
    assign(statement, 1, item.title);
    assign(statement, 2, item.body);
    item.score = sqlite3_column_double(statement, 3);
    item.quantity = sqlite3_column_int64(statement, 4);
    item.active = sqlite3_column_int(statement, 5) != 0;
    item.created_at = Timestamp(Microseconds(sqlite3_column_int64(statement, 6)));
    if (sqlite3_column_type(statement, 7) != SQLITE_NULL) assign(statement, 7, item.note.emplace());
  }

  Measured read() override {
    std::vector<Item> items;
    Measured measured = measure_work(1, [&] {
      while (sqlite3_step(read_) == SQLITE_ROW) decode(read_, items.emplace_back());
      check(sqlite3_reset(read_));
      return 0U;
    });
    for (const Item& item : items) measured.check += check_sum(item);
    return measured;
  }

  Measured get() override {
    return measure_work(single_rows, [&] {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < single_rows; ++i) {
        sqlite3_bind_int64(get_, 1, some_id(i));
        check(sqlite3_step(get_), SQLITE_ROW);
        Item item;
        decode(get_, item);
        check(sqlite3_reset(get_));
        sum += check_sum(item);
      }
      return sum;
    });
  }

  Measured bulk_insert() override {
    run_script("DELETE FROM bench_new_item");
    const auto items = make_items<NewItem>(inserted_rows);
    return measure_work(1, [&] {
      run_script("BEGIN IMMEDIATE");
      const auto bind_text = [&](int index, const std::string& text) {
        sqlite3_bind_text(insert_, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
      };
      for (const NewItem& item : items) {
        bind_text(1, item.title);
        bind_text(2, item.body);
        sqlite3_bind_double(insert_, 3, item.score);
        sqlite3_bind_int64(insert_, 4, item.quantity);
        sqlite3_bind_int(insert_, 5, item.active ? 1 : 0);
        sqlite3_bind_int64(insert_, 6, item.created_at.micros());
        if (item.note) {
          bind_text(7, *item.note);
        } else {
          sqlite3_bind_null(insert_, 7);
        }
        check(sqlite3_step(insert_), SQLITE_DONE);
        sqlite3_reset(insert_);
      }
      run_script("COMMIT");
      return items.size();
    });
  }

  Measured update() override {
    const std::string title = "Changed " + std::to_string(++updates_);
    return measure_work(single_rows, [&] {
      for (std::size_t i = 0; i < single_rows; ++i) {
        sqlite3_bind_text(update_, 1, title.data(), static_cast<int>(title.size()), SQLITE_STATIC);
        sqlite3_bind_int64(update_, 2, some_id(i));
        check(sqlite3_step(update_), SQLITE_DONE);
        check(sqlite3_reset(update_));
      }
      return single_rows;
    });
  }

  Measured prefetch() override {
    return measure_work(1, [&] {
      std::vector<FloorAuthor> writers;
      std::string ids = "[";
      while (sqlite3_step(authors_) == SQLITE_ROW) {
        FloorAuthor& author = writers.emplace_back();
        author.id = sqlite3_column_int64(authors_, 0);
        assign(authors_, 1, author.name);
        if (ids.size() > 1) ids += ',';
        ids += std::to_string(author.id);
      }
      check(sqlite3_reset(authors_));
      ids += ']';
      std::unordered_map<std::int64_t, FloorAuthor*> by_id;
      for (FloorAuthor& author : writers) by_id.emplace(author.id, &author);
      sqlite3_bind_text(books_, 1, ids.data(), static_cast<int>(ids.size()), SQLITE_STATIC);
      while (sqlite3_step(books_) == SQLITE_ROW) {
        const std::int64_t author = sqlite3_column_int64(books_, 1);
        FloorBook& book = by_id.at(author)->books.emplace_back();
        book.id = sqlite3_column_int64(books_, 0);
        book.author = author;
        assign(books_, 2, book.title);
        book.pages = sqlite3_column_int(books_, 3);
      }
      check(sqlite3_reset(books_));
      return check_sum(writers);
    });
  }

  Measured commits() override {
    const std::string title = "Changed " + std::to_string(++updates_);
    run_script("PRAGMA synchronous = FULL");
    const Measured measured = measure_work(single_rows, [&] {
      for (std::size_t i = 0; i < single_rows; ++i) {
        run_script("BEGIN IMMEDIATE");
        sqlite3_bind_text(update_, 1, title.data(), static_cast<int>(title.size()), SQLITE_STATIC);
        sqlite3_bind_int64(update_, 2, some_id(i));
        check(sqlite3_step(update_), SQLITE_DONE);
        check(sqlite3_reset(update_));
        run_script("COMMIT");
      }
      return single_rows;
    });
    run_script("PRAGMA synchronous = NORMAL");
    return measured;
  }

  Measured search(std::size_t count) override {
    return measure_work(count, [&] {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::string words = some_words(i);
        sqlite3_bind_text(search_, 1, words.data(), static_cast<int>(words.size()), SQLITE_STATIC);
        std::vector<Item> items;
        while (sqlite3_step(search_) == SQLITE_ROW) decode(search_, items.emplace_back());
        check(sqlite3_reset(search_));
        for (const Item& item : items) sum += check_sum(item);
      }
      return sum;
    });
  }

  sqlite3* handle_ = nullptr;
  sqlite3_stmt* search_ = nullptr;
  sqlite3_stmt* read_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* authors_ = nullptr;
  sqlite3_stmt* books_ = nullptr;
  int updates_ = 0;
};

}  // namespace

std::unique_ptr<Subject> sqlite_floor(const std::filesystem::path& file) {
  return std::make_unique<SqliteFloor>(file);
}

}  // namespace mpf::bench
