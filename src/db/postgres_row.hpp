#pragma once

#include <array>

#include <mpf/db/row.hpp>

#include "db/postgres_value.hpp"

struct pg_result;

namespace mpf::db::postgres {

/// A row of a binary result. Reading a value as what it is not throws Error(internal).
class PostgresRow final : public Row {
 public:
  explicit PostgresRow(const pg_result* result) noexcept;

  void move_to(int row) noexcept { row_ = row; }

  std::size_t columns() const noexcept override { return static_cast<std::size_t>(columns_); }
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
  Value value(std::size_t column, const char* wanted) const;
  Oid type_of(std::size_t column) const noexcept;

  const pg_result* result_;
  int row_ = 0;
  int columns_;
  std::array<Oid, 32> types_;  ///< of the first columns
};

}  // namespace mpf::db::postgres
