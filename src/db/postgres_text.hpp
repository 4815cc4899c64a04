#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/bulk.hpp>
#include <mpf/db/row.hpp>

/// Rows as lines of COPY's text format, which is the one that libpqxx knows.
namespace mpf::db::postgres {

/// A column as SQL, so that its text is one that TextRow reads.
std::string text_expression(const BulkColumn& column);

/// A row that COPY gave, of columns as text_expression() writes them.
class TextRow final : public Row {
 public:
  explicit TextRow(const std::vector<BulkColumn>& columns) : columns_(columns) {}

  /// Error(corrupt) for another number of fields.
  void take(std::string_view line);

  std::size_t columns() const noexcept override { return columns_.size(); }
  std::string_view column_name(std::size_t column) const override { return columns_.at(column).name; }
  bool is_null(std::size_t column) const override { return !fields_.at(column); }
  bool boolean(std::size_t column) const override { return text(column) == "t"; }
  std::int64_t integer(std::size_t column) const override;
  double real(std::size_t column) const override;
  std::string_view text(std::size_t column) const override;
  std::span<const std::byte> bytes(std::size_t column) const override;
  Timestamp timestamp(std::size_t column) const override;
  Numeric numeric(std::size_t column, int scale) const override;
  Date date(std::size_t column) const override;
  Microseconds duration(std::size_t column) const override;
  Uuid uuid(std::size_t column) const override;
  std::string_view json(std::size_t column) const override { return text(column); }
  IpNetwork network(std::size_t column) const override;
  void array(std::size_t column, const RowSink& on_element) const override;
  RangeValue range(std::size_t column, ElementType type) const override;

 private:
  [[noreturn]] void corrupt(std::size_t column, std::string_view wanted) const;

  const std::vector<BulkColumn>& columns_;
  std::vector<std::optional<std::string>> fields_;
  mutable std::string bytes_;
};

/// Makes a line for COPY of the values that it is given.
class TextWriter final : public RowWriter {
 public:
  void begin_row() {
    line_.clear();
    values_ = 0;
  }
  const std::string& line() const noexcept { return line_; }
  std::size_t values() const noexcept { return values_; }

  void null() override;
  void boolean(bool value) override { plain(value ? "t" : "f"); }
  void integer(std::int64_t value) override { plain(std::to_string(value)); }
  void real(double value) override;
  void text(std::string_view value) override;
  void bytes(std::span<const std::byte> value) override;
  void timestamp(Timestamp value) override { plain(value.to_string()); }
  void numeric(Numeric value) override;
  void date(Date value) override { plain(value.to_string()); }
  void duration(Microseconds value) override;
  void uuid(const Uuid& value) override { plain(value.to_string()); }
  void json(std::string_view value) override { text(value); }
  void network(const IpNetwork& value) override { plain(value.to_string()); }
  void array(const Array& value) override;
  void range(const RangeValue& value) override;

 private:
  void next();
  void plain(std::string_view value) {
    next();
    line_ += value;
  }

  std::string line_;
  std::size_t values_ = 0;
};

}  // namespace mpf::db::postgres
