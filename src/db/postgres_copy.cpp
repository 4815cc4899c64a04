#include "db/postgres_copy.hpp"

#include <limits>
#include <unordered_map>

#include <fmt/core.h>

#include <mpf/db/error.hpp>

#include "db/quote.hpp"

namespace mpf::db::postgres {

namespace {

constexpr std::size_t piece = 64 * 1024;

/// Writes rows as COPY wants them. The server converts nothing there: each value must have the very type of
/// its column.
class CopyWriter final : public RowWriter {
 public:
  CopyWriter(const BulkInsert& insert, std::vector<Oid> types, std::string& out)
      : insert_(insert), types_(std::move(types)), out_(out) {}

  void begin_row() {
    append<std::int16_t>(out_, static_cast<std::int16_t>(types_.size()));
    column_ = 0;
  }
  void end_row() {
    if (column_ == types_.size()) return;
    throw Error(ErrorKind::internal, fmt::format("a row for {} has {} values, {} are needed", insert_.table,
                                                 column_, types_.size()));
  }

  void null() override {
    next();
    append<std::int32_t>(out_, -1);
  }
  void boolean(bool value) override {
    fixed({oid::boolean}, "a boolean", [&] { out_ += value ? '\1' : '\0'; });
  }
  void integer(std::int64_t value) override {
    const Oid type = next();
    switch (type) {
      case oid::int8:
        append<std::int32_t>(out_, 8);
        append<std::int64_t>(out_, value);
        return;
      case oid::int4:
        return narrow<std::int32_t>(value);
      case oid::int2:
        return narrow<std::int16_t>(value);
      case oid::numeric:
        return sized([&] { append_numeric(out_, {value, 0}); });
      default:
        wrong_type("an integer");
    }
  }
  void real(double value) override {
    const Oid type = next();
    if (type == oid::float8) {
      append<std::int32_t>(out_, 8);
      append<std::int64_t>(out_, std::bit_cast<std::int64_t>(value));
    } else if (type == oid::float4) {
      append<std::int32_t>(out_, 4);
      append<std::int32_t>(out_, std::bit_cast<std::int32_t>(static_cast<float>(value)));
    } else {
      wrong_type("a number");
    }
  }
  void text(std::string_view value) override {
    const Oid type = next();
    if (type == oid::jsonb) return write_json(value);
    const bool fits = type == oid::text || type == oid::varchar || type == oid::bpchar || type == oid::json ||
                      type >= oid::first_of_users;
    if (!fits) wrong_type("text");
    sized([&] { append_text(out_, value); });
  }
  void bytes(std::span<const std::byte> value) override {
    fixed({oid::bytea}, "bytes",
          [&] { out_.append(reinterpret_cast<const char*>(value.data()), value.size()); });
  }
  void timestamp(Timestamp value) override {
    fixed({oid::timestamptz, oid::timestamp}, "a timestamp", [&] { append_timestamp(out_, value); });
  }
  void numeric(Numeric value) override {
    fixed({oid::numeric}, "a decimal number", [&] { append_numeric(out_, value); });
  }
  void date(Date value) override {
    fixed({oid::date}, "a date", [&] { append<std::int32_t>(out_, value.days() - epoch_days); });
  }
  void duration(Microseconds value) override {
    fixed({oid::interval}, "a duration", [&] { append_interval(out_, value); });
  }
  void uuid(const Uuid& value) override {
    fixed({oid::uuid}, "a UUID",
          [&] { out_.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size()); });
  }
  void json(std::string_view value) override {
    const Oid type = next();
    if (type == oid::jsonb) return write_json(value);
    if (type != oid::json && type != oid::text) wrong_type("JSON");
    sized([&] { append_text(out_, value); });
  }
  void network(const IpNetwork& value) override {
    fixed({oid::inet}, "a network", [&] { append_network(out_, value); });
  }
  void array(const Array& value) override {
    fixed({array_oid(value.type)}, "an array", [&] { append_array(out_, value); });
  }
  void range(const RangeValue& value) override {
    fixed({range_oid(value.type)}, "a range", [&] { append_range(out_, value); });
  }

 private:
  Oid next() {
    if (column_ >= types_.size()) {
      throw Error(ErrorKind::internal,
                  fmt::format("a row for {} has more than its {} values", insert_.table, types_.size()));
    }
    return types_[column_++];
  }

  [[noreturn]] void wrong_type(const char* given) const {
    throw Error(ErrorKind::internal, fmt::format("column '{}' of {} was given {}, which is not its type",
                                                 insert_.columns[column_ - 1].name, insert_.table, given));
  }

  template <class Write>
  void sized(const Write& write) {
    const std::size_t start = out_.size();
    append<std::int32_t>(out_, 0);
    write();
    const auto size = __builtin_bswap32(static_cast<std::uint32_t>(out_.size() - start - 4));
    std::memcpy(out_.data() + start, &size, sizeof size);
  }

  template <class Write>
  void fixed(std::initializer_list<Oid> fitting, const char* given, const Write& write) {
    const Oid type = next();
    for (const Oid each : fitting) {
      if (each == type) return sized(write);
    }
    wrong_type(given);
  }

  template <class Int>
  void narrow(std::int64_t value) {
    if (value < std::numeric_limits<Int>::min() || value > std::numeric_limits<Int>::max()) {
      throw Error(ErrorKind::invalid, fmt::format("{} is out of the range of column '{}' of {}", value,
                                                  insert_.columns[column_ - 1].name, insert_.table));
    }
    append<std::int32_t>(out_, sizeof(Int));
    append<Int>(out_, static_cast<Int>(value));
  }

  void write_json(std::string_view value) {
    sized([&] {
      out_ += '\1';
      append_text(out_, value);
    });
  }

  const BulkInsert& insert_;
  const std::vector<Oid> types_;
  std::string& out_;
  std::size_t column_ = 0;
};

std::vector<Oid> column_types(PostgresSession& session, const BulkInsert& insert) {
  std::unordered_map<std::string, Oid> known;
  session.execute(
      {"SELECT a.attname::text, coalesce(nullif(t.typbasetype, 0), t.oid)::bigint FROM pg_attribute a "
       "JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND "
       "NOT a.attisdropped",
       {quote_name(insert.table)}},
      [&](const Row& row) { known.emplace(row.text(0), static_cast<Oid>(row.integer(1))); });
  std::vector<Oid> types;
  for (const BulkColumn& column : insert.columns) {
    const auto found = known.find(column.name);
    if (found == known.end()) {
      throw SqlError("42703", fmt::format("table {} has no column '{}'", insert.table, column.name));
    }
    types.push_back(found->second);
  }
  return types;
}

}  // namespace

std::uint64_t copy_rows(PostgresSession& session, const BulkInsert& insert) {
  if (insert.rows == 0 || insert.columns.empty()) return 0;
  std::string names;
  for (const BulkColumn& column : insert.columns) {
    names += (names.empty() ? "" : ", ") + quote_name(column.name);
  }
  std::string data;
  CopyWriter writer(insert, column_types(session, insert), data);
  std::size_t row = 0;
  bool ended = false;
  return session.copy_in("COPY " + quote_name(insert.table) + " (" + names + ") FROM STDIN (FORMAT binary)",
                         [&](std::string& next_piece) {
                           data.clear();
                           if (row == 0) {
                             data.append("PGCOPY\n\377\r\n\0", 11);
                             data.append(8, '\0');  // flags, length of the header's extension
                           }
                           while (row < insert.rows && data.size() < piece) {
                             writer.begin_row();
                             insert.write(row++, writer);
                             writer.end_row();
                           }
                           if (row == insert.rows && !ended) {
                             ended = true;
                             append<std::int16_t>(data, -1);
                           }
                           next_piece.swap(data);
                         });
}

}  // namespace mpf::db::postgres
