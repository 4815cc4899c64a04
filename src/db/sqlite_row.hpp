#pragma once

#include <mpf/db/database.hpp>

struct sqlite3_stmt;
struct sqlite3_value;

namespace mpf::db::sqlite {

/// The row that a statement stands on. Reading a value as what it is not throws Error(internal).
class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) noexcept : statement_(statement) {}

  std::size_t columns() const noexcept override;
  std::string_view column_name(std::size_t column) const override;
  bool is_null(std::size_t column) const override;
  bool boolean(std::size_t column) const override;
  std::int64_t integer(std::size_t column) const override;
  double real(std::size_t column) const override;
  std::string_view text(std::size_t column) const override;
  std::span<const std::byte> bytes(std::size_t column) const override;
  Timestamp timestamp(std::size_t column) const override;
  Numeric numeric(std::size_t column, int scale) const override;
  Date date(std::size_t column) const override;
  Microseconds duration(std::size_t column) const override;
  Uuid uuid(std::size_t column) const override;
  std::string_view json(std::size_t column) const override;
  IpNetwork network(std::size_t column) const override;
  void array(std::size_t column, const RowSink& on_element) const override;
  RangeValue range(std::size_t column, ElementType type) const override;

 private:
  sqlite3_value* value_of(std::size_t column) const;
  [[noreturn]] void corrupt(std::size_t column, std::string_view what) const;
  [[noreturn]] void wrong_type(std::size_t column, std::string_view wanted) const;

  sqlite3_stmt* statement_;
};

}  // namespace mpf::db::sqlite
