#include <libpq-fe.h>

#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "benchmarks/data_floor.hpp"

namespace mpf::bench {

namespace {

constexpr std::int64_t epoch_micros = 946'684'800'000'000;  // PostgreSQL counts from the year 2000

std::int64_t load_int64(const char* data) {
  std::uint64_t value = 0;
  std::memcpy(&value, data, sizeof value);
  return static_cast<std::int64_t>(__builtin_bswap64(value));
}

std::int32_t load_int32(const char* data) {
  std::uint32_t value = 0;
  std::memcpy(&value, data, sizeof value);
  return static_cast<std::int32_t>(__builtin_bswap32(value));
}

void append_int16(std::string& out, std::int16_t value) {
  const std::uint16_t swapped = __builtin_bswap16(static_cast<std::uint16_t>(value));
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}
void append_int32(std::string& out, std::int32_t value) {
  const std::uint32_t swapped = __builtin_bswap32(static_cast<std::uint32_t>(value));
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}
void append_int64(std::string& out, std::int64_t value) {
  const std::uint64_t swapped = __builtin_bswap64(static_cast<std::uint64_t>(value));
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}
void append_text(std::string& out, const std::string& value) {
  append_int32(out, static_cast<std::int32_t>(value.size()));
  out += value;
}

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

/// What one would write against libpq: blocking calls, prepared statements, binary results.
class PostgresFloor final : public NativeSubject {
 public:
  explicit PostgresFloor(const db::PostgresOptions& options)
      : connection_(PQconnectdb(("host=" + options.host + " port=" + std::to_string(options.port) +
                                 " user=" + options.user + " dbname=" + options.database)
                                    .c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) fail();
    const std::string columns =
        R"(SELECT "id", "title", "body", "score", "quantity", "active", "created_at", "note" FROM "bench_item")";
    prepare("read", columns);
    prepare("get", columns + R"( WHERE "id" = $1::bigint)");
    prepare("update", R"(UPDATE "bench_changed_item" SET "title" = $2 WHERE "id" = $1::bigint)");
    prepare("authors", R"(SELECT "id", "name" FROM "bench_author")");
    prepare(
        "books",
        R"(SELECT "id", "author_id", "title", "pages" FROM "bench_book" WHERE "author_id" = ANY($1::bigint[]))");
  }
  ~PostgresFloor() override { PQfinish(connection_); }
  PostgresFloor(const PostgresFloor&) = delete;
  PostgresFloor& operator=(const PostgresFloor&) = delete;

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error(std::string("libpq: ") + PQerrorMessage(connection_));
  }

  Result checked(PGresult* result, ExecStatusType wanted) const {
    Result owned(result);
    if (PQresultStatus(result) != wanted) fail();
    return owned;
  }

  void prepare(const char* name, const std::string& sql) {
    checked(PQprepare(connection_, name, sql.c_str(), 0, nullptr), PGRES_COMMAND_OK);
  }

  Result run_prepared(const char* name, std::initializer_list<std::string_view> values,
                      ExecStatusType wanted) {
    std::array<const char*, 2> data{};
    std::array<int, 2> sizes{};
    constexpr std::array<int, 2> binary{1, 1};
    int count = 0;
    for (const std::string_view value : values) {
      data[static_cast<std::size_t>(count)] = value.data();
      sizes[static_cast<std::size_t>(count++)] = static_cast<int>(value.size());
    }
    return checked(PQexecPrepared(connection_, name, count, data.data(), sizes.data(), binary.data(), 1),
                   wanted);
  }

  static std::string text_of(const PGresult* result, int row, int column) {
    return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
  }

  static void decode(const PGresult* result, int row, Item& item) {
    item.id = orm::Id(load_int64(PQgetvalue(result, row, 0)));
    item.title.assign(PQgetvalue(result, row, 1), static_cast<std::size_t>(PQgetlength(result, row, 1)));
    item.body.assign(PQgetvalue(result, row, 2), static_cast<std::size_t>(PQgetlength(result, row, 2)));
    item.score = std::bit_cast<double>(load_int64(PQgetvalue(result, row, 3)));
    item.quantity = load_int64(PQgetvalue(result, row, 4));
    item.active = *PQgetvalue(result, row, 5) != 0;
    item.created_at = Timestamp(Microseconds(load_int64(PQgetvalue(result, row, 6)) + epoch_micros));
    if (!PQgetisnull(result, row, 7)) {
      item.note.emplace(PQgetvalue(result, row, 7), static_cast<std::size_t>(PQgetlength(result, row, 7)));
    }
  }

  Measured read() override {
    std::vector<Item> items;
    Measured measured = measure_work(1, [&] {
      const Result result = run_prepared("read", {}, PGRES_TUPLES_OK);
      const int rows = PQntuples(result.get());
      items.reserve(static_cast<std::size_t>(rows));
      for (int row = 0; row < rows; ++row) decode(result.get(), row, items.emplace_back());
      return 0U;
    });
    for (const Item& item : items) measured.check += check_sum(item);
    return measured;
  }

  Measured get() override {
    return measure_work(single_rows, [&] {
      std::uint64_t check = 0;
      std::string id;
      for (std::size_t i = 0; i < single_rows; ++i) {
        id.clear();
        append_int64(id, some_id(i));
        const Result result = run_prepared("get", {id}, PGRES_TUPLES_OK);
        Item item;
        decode(result.get(), 0, item);
        check += check_sum(item);
      }
      return check;
    });
  }

  Measured bulk_insert() override {
    checked(PQexec(connection_, "TRUNCATE bench_new_item"), PGRES_COMMAND_OK);
    const auto items = make_items<NewItem>(inserted_rows);
    return measure_work(1, [&] {
      checked(
          PQexec(
              connection_,
              R"(COPY "bench_new_item" ("title", "body", "score", "quantity", "active", "created_at", "note") )"
              "FROM STDIN (FORMAT binary)"),
          PGRES_COPY_IN);
      std::string piece("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
      for (const NewItem& item : items) {
        append_int16(piece, 7);
        append_text(piece, item.title);
        append_text(piece, item.body);
        append_int32(piece, 8);
        append_int64(piece, std::bit_cast<std::int64_t>(item.score));
        append_int32(piece, 8);
        append_int64(piece, item.quantity);
        append_int32(piece, 1);
        piece += item.active ? '\1' : '\0';
        append_int32(piece, 8);
        append_int64(piece, item.created_at.micros() - epoch_micros);
        if (item.note) {
          append_text(piece, *item.note);
        } else {
          append_int32(piece, -1);
        }
        if (piece.size() > 60'000) put(piece);
      }
      append_int16(piece, -1);
      put(piece);
      if (PQputCopyEnd(connection_, nullptr) != 1) fail();
      checked(PQgetResult(connection_), PGRES_COMMAND_OK);
      while (const Result rest{PQgetResult(connection_)}) {
      }
      return items.size();
    });
  }

  void put(std::string& piece) {
    if (PQputCopyData(connection_, piece.data(), static_cast<int>(piece.size())) != 1) fail();
    piece.clear();
  }

  Measured update() override {
    const std::string title = "Changed " + std::to_string(++updates_);
    return measure_work(single_rows, [&] {
      std::string id;
      for (std::size_t i = 0; i < single_rows; ++i) {
        id.clear();
        append_int64(id, some_id(i));
        run_prepared("update", {id, title}, PGRES_COMMAND_OK);
      }
      return single_rows;
    });
  }

  Measured prefetch() override {
    return measure_work(1, [&] {
      const Result found = run_prepared("authors", {}, PGRES_TUPLES_OK);
      std::vector<FloorAuthor> writers(static_cast<std::size_t>(PQntuples(found.get())));
      std::unordered_map<std::int64_t, FloorAuthor*> by_id;
      std::string ids;
      append_int32(ids, 1);
      append_int32(ids, 0);
      append_int32(ids, 20);  // the oid of bigint
      append_int32(ids, static_cast<std::int32_t>(writers.size()));
      append_int32(ids, 1);
      for (std::size_t i = 0; i < writers.size(); ++i) {
        writers[i].id = load_int64(PQgetvalue(found.get(), static_cast<int>(i), 0));
        writers[i].name = text_of(found.get(), static_cast<int>(i), 1);
        by_id.emplace(writers[i].id, &writers[i]);
        append_int32(ids, 8);
        append_int64(ids, writers[i].id);
      }
      const Result books = run_prepared("books", {ids}, PGRES_TUPLES_OK);
      for (int row = 0; row < PQntuples(books.get()); ++row) {
        const std::int64_t author = load_int64(PQgetvalue(books.get(), row, 1));
        by_id.at(author)->books.push_back({load_int64(PQgetvalue(books.get(), row, 0)), author,
                                           text_of(books.get(), row, 2),
                                           load_int32(PQgetvalue(books.get(), row, 3))});
      }
      return check_sum(writers);
    });
  }

  PGconn* connection_;
  int updates_ = 0;
};

}  // namespace

std::unique_ptr<Subject> postgres_floor(const db::PostgresOptions& options) {
  return std::make_unique<PostgresFloor>(options);
}

}  // namespace mpf::bench
