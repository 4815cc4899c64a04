#pragma once

#include <mpf/db/bulk.hpp>
#include <mpf/db/value.hpp>

struct sqlite3_stmt;

namespace mpf::db::sqlite {

/// Binds the value to the statement's parameter (from 1), as columns keep it; text and bytes by reference.
/// Returns SQLite's result code.
int bind(sqlite3_stmt* statement, int index, const Param& param);

/// Marks the connection as busy with a statement, and leaves the statement as it was.
class StatementReset {
 public:
  StatementReset(sqlite3_stmt* statement, bool& busy) noexcept : statement_(statement), busy_(busy) {
    busy_ = true;
  }
  ~StatementReset();
  StatementReset(const StatementReset&) = delete;
  StatementReset& operator=(const StatementReset&) = delete;

 private:
  sqlite3_stmt* statement_;
  bool& busy_;
};

/// Binds copies of the values of a row to the parameters, one after the other.
class Binder final : public RowWriter {
 public:
  explicit Binder(sqlite3_stmt* statement);

  /// Throws Error(internal) unless every parameter has its value; the next one is the first again.
  void end_row();

  void null() override;
  void boolean(bool value) override;
  void integer(std::int64_t value) override;
  void real(double value) override;
  void text(std::string_view value) override;
  void bytes(std::span<const std::byte> value) override;
  void timestamp(Timestamp value) override;
  void numeric(Numeric value) override;
  void date(Date value) override;
  void duration(Microseconds value) override;
  void uuid(const Uuid& value) override;
  void json(std::string_view value) override;
  void network(const IpNetwork& value) override;
  void array(const Array& value) override;
  void range(const RangeValue& value) override;

 private:
  int next();
  static void check(int code);

  sqlite3_stmt* statement_;
  int count_;
  int next_ = 1;
};

}  // namespace mpf::db::sqlite
