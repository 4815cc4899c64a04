#include <algorithm>
#include <cctype>
#include <charconv>

#include <mpf/base/decimal.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

#include "orm/ddl.hpp"

/// Names, values and defaults as SQL.
namespace mpf::orm::ddl {
namespace {

using db::Dialect;

std::string quoted(std::string_view text, char mark) {
  std::string result(1, mark);
  for (const char c : text) {
    if (c == mark) result.push_back(mark);
    result.push_back(c);
  }
  result.push_back(mark);
  return result;
}

bool is_word(std::string_view text, std::string_view word) noexcept { return iequals(text, word); }

bool is_number(std::string_view text) noexcept {
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const auto digits = [&] {
    const auto begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > begin;
  };
  const bool whole = digits();
  bool fraction = false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    fraction = digits();
  }
  if (!whole && !fraction) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

bool is_quoted(std::string_view text) noexcept {
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return false;
  const auto inside = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < inside.size(); ++at) {
    if (inside[at] == '\0') return false;
    if (inside[at] != '\'') continue;
    if (at + 1 == inside.size() || inside[at + 1] != '\'') return false;
    ++at;
  }
  return true;
}

/// As many digits as say it exactly; always with a point or an exponent, so that it stays a real number.
std::string real_literal(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

bool is_blob(std::string_view text) noexcept {
  if (text.size() < 3 || text.size() % 2 == 0 || (text[0] != 'x' && text[0] != 'X')) return false;
  const auto inside = text.substr(2, text.size() - 3);
  return text[1] == '\'' && text.back() == '\'' &&
         std::ranges::all_of(inside, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::string quote(std::string_view identifier) { return quoted(identifier, '"'); }
std::string literal(std::string_view text) { return quoted(text, '\''); }

bool is_literal(std::string_view sql) noexcept {
  return is_number(sql) || is_quoted(sql) || is_blob(sql) || is_word(sql, "true") || is_word(sql, "false") ||
         is_word(sql, "null");
}

namespace {

/// What a quoted literal says, its quotes undone.
std::string unquoted(std::string_view literal) {
  std::string text;
  for (std::size_t at = 1; at + 1 < literal.size(); ++at) {
    text += literal[at];
    if (literal[at] == '\'') ++at;
  }
  return text;
}

[[noreturn]] void fail_default(const Column& column, const char* example) {
  fail(ErrorKind::invalid, "the default value " + *column.default_value + " of column '" + column.name +
                               "' does not fit its type; write it like " + example);
}

/// The default in the form in which SQLite keeps the type.
std::string sqlite_default(const Column& column) {
  const auto& value = *column.default_value;
  const auto text = is_quoted(value) ? unquoted(value) : std::string();
  switch (column.type) {
    case ColumnType::timestamp:
      if (!is_quoted(value)) return value;
      if (const auto time = Timestamp::parse(text)) return std::to_string(time->micros());
      fail_default(column, "'2026-11-21T09:00:00Z'");
    case ColumnType::date:
      if (!is_quoted(value)) return value;
      if (const auto date = Date::parse(text)) return std::to_string(date->days());
      fail_default(column, "'2026-11-21'");
    case ColumnType::uuid:
      if (!is_quoted(value)) return value;
      if (const auto uuid = Uuid::parse(text)) return literal(db::Param(*uuid), Dialect::sqlite);
      fail_default(column, "'0190163d-8694-739b-aea5-966c26f8ad91'");
    case ColumnType::network:
      if (!is_quoted(value)) return value;
      if (const auto network = IpNetwork::parse(text)) return literal(network->sort_key());
      fail_default(column, "'10.0.0.0/8'");
    case ColumnType::decimal:
      if (is_word(value, "null")) return value;
      if (const auto number = decimal::parse(value, column.scale)) return std::to_string(*number);
      fail_default(column, "12.50");
    default:
      return value;
  }
}

/// The JSON literal of an array's default as PostgreSQL's text of one; only empty arrays are that simple.
std::string postgres_default(const Column& column) {
  const auto& value = *column.default_value;
  if (column.type == ColumnType::bytes && is_blob(value)) {
    return "'\\x" + value.substr(2, value.size() - 3) + "'";
  }
  if (column.type == ColumnType::array && value == "'[]'") return "'{}'";
  if (column.type == ColumnType::range && value == R"('{"empty":true}')") return "'empty'";
  if (column.type == ColumnType::duration && is_number(value)) {
    return "'" + value + " microseconds'";
  }
  return value;
}

}  // namespace

std::string literal(const db::Param& value, Dialect dialect) {
  const bool sqlite = dialect == Dialect::sqlite;
  struct Visitor {
    bool sqlite;
    std::string operator()(std::nullptr_t) const { return "NULL"; }
    std::string operator()(bool v) const {
      if (sqlite) return v ? "1" : "0";
      return v ? "TRUE" : "FALSE";
    }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return real_literal(v); }
    std::string operator()(const std::string& v) const { return literal(v); }
    std::string operator()(const db::Bytes& v) const { return hex(v); }
    std::string operator()(Timestamp v) const {
      return sqlite ? std::to_string(v.micros()) : "timestamptz '" + v.to_string() + "'";
    }
    std::string operator()(db::Numeric v) const {
      return sqlite ? std::to_string(v.coefficient) : decimal::to_string(v.coefficient, v.scale);
    }
    std::string operator()(Date v) const {
      return sqlite ? std::to_string(v.days()) : "date '" + v.to_string() + "'";
    }
    std::string operator()(Microseconds v) const {
      const auto count = std::to_string(v.count());
      return sqlite ? count : "interval '" + count + " microseconds'";
    }
    std::string operator()(const Uuid& v) const {
      return sqlite ? hex(v.bytes()) : "uuid '" + v.to_string() + "'";
    }
    std::string operator()(const db::JsonText& v) const {
      return sqlite ? literal(v.text) : "jsonb " + literal(v.text);
    }
    std::string operator()(const IpNetwork& v) const {
      return sqlite ? literal(v.sort_key()) : "inet " + literal(v.to_string());
    }
    std::string operator()(const db::Array&) const { return none(); }
    std::string operator()(const db::RangeValue&) const { return none(); }

    std::string hex(std::span<const std::byte> bytes) const {
      const std::string_view raw(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return sqlite ? "x'" + hex_encode(raw) + "'" : "'\\x" + hex_encode(raw) + "'::bytea";
    }
    [[noreturn]] static std::string none() {
      fail(ErrorKind::internal, "arrays and ranges cannot be written as literals: use SQL");
    }
  };
  return std::visit(Visitor{sqlite}, value);
}

std::string default_literal(const Column& column, Dialect dialect) {
  const auto& value = *column.default_value;
  const bool sqlite = dialect == Dialect::sqlite;
  const bool yes = is_word(value, "true") || value == "1";
  const bool no = is_word(value, "false") || value == "0";
  if (column.type == ColumnType::boolean && (yes || no)) {
    if (sqlite) return yes ? "1" : "0";
    return yes ? "TRUE" : "FALSE";
  }
  return sqlite ? sqlite_default(column) : postgres_default(column);
}

std::string default_sql(const Column& column, Dialect dialect) {
  if (column.computed_default) return "(" + column.computed_default->of(dialect) + ")";
  return column.default_value ? default_literal(column, dialect) : std::string();
}

}  // namespace mpf::orm::ddl
