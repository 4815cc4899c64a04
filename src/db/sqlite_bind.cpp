#include "db/sqlite_bind.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/base/error.hpp>

#include "db/sqlite_array.hpp"

namespace mpf::db::sqlite {
namespace {

int bind_text(sqlite3_stmt* statement, int index, std::string_view value) {
  const char* const data = value.data() ? value.data() : "";  // a null pointer would be NULL
  return sqlite3_bind_text64(statement, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

int bind_bytes(sqlite3_stmt* statement, int index, std::span<const std::byte> value) {
  if (value.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
  return sqlite3_bind_blob64(statement, index, value.data(), value.size(), SQLITE_STATIC);
}

int bind_copy(sqlite3_stmt* statement, int index, std::string_view value) {
  const char* const data = value.data() ? value.data() : "";
  return sqlite3_bind_text64(statement, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

int bind_uuid(sqlite3_stmt* statement, int index, const Uuid& value) {
  return sqlite3_bind_blob64(statement, index, value.bytes().data(), value.bytes().size(), SQLITE_TRANSIENT);
}

int bind_array(sqlite3_stmt* statement, int index, const Array& value) {
  std::string text;
  write_array(text, value);
  return bind_copy(statement, index, text);
}

int bind_range(sqlite3_stmt* statement, int index, const RangeValue& value) {
  std::string text;
  write_range(text, value);
  return bind_copy(statement, index, text);
}

struct Visitor {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::nullptr_t) const { return sqlite3_bind_null(statement, index); }
  int operator()(bool value) const { return sqlite3_bind_int(statement, index, value ? 1 : 0); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(const std::string& value) const { return bind_text(statement, index, value); }
  int operator()(const Bytes& value) const { return bind_bytes(statement, index, value); }
  int operator()(Timestamp value) const { return sqlite3_bind_int64(statement, index, value.micros()); }
  int operator()(Numeric value) const { return sqlite3_bind_int64(statement, index, value.coefficient); }
  int operator()(Date value) const { return sqlite3_bind_int64(statement, index, value.days()); }
  int operator()(Microseconds value) const { return sqlite3_bind_int64(statement, index, value.count()); }
  int operator()(const Uuid& value) const { return bind_uuid(statement, index, value); }
  int operator()(const JsonText& value) const { return bind_text(statement, index, value.text); }
  int operator()(const IpNetwork& value) const { return bind_copy(statement, index, value.sort_key()); }
  int operator()(const Array& value) const { return bind_array(statement, index, value); }
  int operator()(const RangeValue& value) const { return bind_range(statement, index, value); }
};

}  // namespace

int bind(sqlite3_stmt* statement, int index, const Param& param) {
  return std::visit(Visitor{statement, index}, param);
}

StatementReset::~StatementReset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  busy_ = false;
}

Binder::Binder(sqlite3_stmt* statement)
    : statement_(statement), count_(sqlite3_bind_parameter_count(statement)) {}

int Binder::next() {
  if (next_ > count_) {
    throw Error(ErrorKind::internal, fmt::format("more than {} values for a row of as many columns", count_));
  }
  return next_++;
}

void Binder::check(int code) {
  if (code == SQLITE_TOOBIG) throw Error(ErrorKind::too_large, "a value is too large for SQLite");
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  if (code != SQLITE_OK) throw Error(ErrorKind::internal, sqlite3_errstr(code));
}

void Binder::end_row() {
  if (next_ <= count_) {
    throw Error(ErrorKind::internal, fmt::format("{} values for a row of {} columns", next_ - 1, count_));
  }
  next_ = 1;
}

void Binder::null() { check(sqlite3_bind_null(statement_, next())); }
void Binder::boolean(bool value) { check(sqlite3_bind_int(statement_, next(), value ? 1 : 0)); }
void Binder::integer(std::int64_t value) { check(sqlite3_bind_int64(statement_, next(), value)); }
void Binder::real(double value) { check(sqlite3_bind_double(statement_, next(), value)); }
void Binder::text(std::string_view value) { check(bind_copy(statement_, next(), value)); }
void Binder::bytes(std::span<const std::byte> value) {
  if (value.empty()) {
    check(sqlite3_bind_zeroblob(statement_, next(), 0));
  } else {
    check(sqlite3_bind_blob64(statement_, next(), value.data(), value.size(), SQLITE_TRANSIENT));
  }
}
void Binder::timestamp(Timestamp value) { integer(value.micros()); }
void Binder::numeric(Numeric value) { integer(value.coefficient); }
void Binder::date(Date value) { integer(value.days()); }
void Binder::duration(Microseconds value) { integer(value.count()); }
void Binder::uuid(const Uuid& value) { check(bind_uuid(statement_, next(), value)); }
void Binder::json(std::string_view value) { text(value); }
void Binder::network(const IpNetwork& value) { check(bind_copy(statement_, next(), value.sort_key())); }
void Binder::array(const Array& value) { check(bind_array(statement_, next(), value)); }
void Binder::range(const RangeValue& value) { check(bind_range(statement_, next(), value)); }

}  // namespace mpf::db::sqlite
