#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/json_reader.hpp>
#include <mpf/base/json_writer.hpp>
#include <mpf/base/text.hpp>

#include "orm/render.hpp"
#include "orm/value_defect.hpp"

/// Pages by the values of the last row: however far, a page costs what the first one does.
namespace mpf::orm::detail {

namespace {

constexpr std::size_t checksum_size = 8;
constexpr std::size_t signature_size = 32;  // hexadecimal digits: 128 bits
constexpr std::size_t longest_cursor = 16'384;

[[noreturn]] void refuse() {
  fail(ErrorKind::invalid,
       "this cursor is not one that this list gave out, or was changed: begin again without one");
}

/// What is read of a term: decimals as text, which has all their digits whatever the scale of an expression.
NodePtr key_value(const NodePtr& term) {
  if (type_of(*term) != ColumnType::decimal) return term;
  return call_node(Function::integer_to_text, {term}, ColumnType::text, is_nullable(*term));
}

/// "12.50" on PostgreSQL; SQLite gives the coefficient, and takes it back.
std::optional<db::Numeric> parse_numeric(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::size_t point = text.find('.');
  std::string digits(text.substr(negative ? 1 : 0, point - (negative ? 1 : 0)));
  const std::string_view behind = point == std::string_view::npos ? "" : text.substr(point + 1);
  digits += behind;
  std::uint64_t coefficient = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), coefficient);
  constexpr std::uint64_t most = 999'999'999'999'999'999;
  if (error != std::errc() || end != digits.data() + digits.size() || coefficient > most) return std::nullopt;
  const auto value = static_cast<std::int64_t>(coefficient);
  return db::Numeric{negative ? -value : value, static_cast<int>(behind.size())};
}

void require_pageable(std::span<const OrderBy> terms) {
  for (const OrderBy& term : terms) {
    const ColumnType type = type_of(*term.value);
    if (type != ColumnType::json && type != ColumnType::array && type != ColumnType::range) continue;
    throw Error(ErrorKind::internal,
                "page() of rows ordered by JSON, an array or a range: order them by something within it");
  }
}

db::Param key_of(const db::Row& row, std::size_t column, ColumnType type) {
  if (row.is_null(column)) return nullptr;
  switch (type) {
    case ColumnType::boolean:
      return row.boolean(column);
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return row.integer(column);
    case ColumnType::float4:
    case ColumnType::real:
      return row.real(column);
    case ColumnType::text:
      return std::string(row.text(column));
    case ColumnType::timestamp:
      return row.timestamp(column);
    case ColumnType::date:
      return row.date(column);
    case ColumnType::duration:
      return row.duration(column);
    case ColumnType::uuid:
      return row.uuid(column);
    case ColumnType::network:
      return row.network(column);
    case ColumnType::bytes: {
      const auto bytes = row.bytes(column);
      return db::Bytes(bytes.begin(), bytes.end());
    }
    case ColumnType::decimal:
      if (const auto number = parse_numeric(row.text(column))) return *number;
      throw Error(ErrorKind::corrupt, "page() read a decimal number of more than 18 digits");
    case ColumnType::json:
    case ColumnType::array:
    case ColumnType::range:
      break;
  }
  return nullptr;
}

struct KeyVisitor {
  std::optional<std::string> operator()(std::nullptr_t) const { return std::nullopt; }
  std::optional<std::string> operator()(bool value) const { return value ? "b1" : "b0"; }
  std::optional<std::string> operator()(std::int64_t value) const { return fmt::format("i{}", value); }
  std::optional<std::string> operator()(double value) const {
    return fmt::format("r{}", std::bit_cast<std::int64_t>(value));
  }
  std::optional<std::string> operator()(const std::string& value) const { return "t" + value; }
  std::optional<std::string> operator()(Timestamp value) const { return fmt::format("s{}", value.micros()); }
  std::optional<std::string> operator()(Date value) const { return "d" + value.to_string(); }
  std::optional<std::string> operator()(Microseconds value) const {
    return fmt::format("m{}", value.count());
  }
  std::optional<std::string> operator()(const Uuid& value) const { return "u" + value.to_string(); }
  std::optional<std::string> operator()(db::Numeric value) const {
    return fmt::format("n{}/{}", value.coefficient, value.scale);
  }
  std::optional<std::string> operator()(const IpNetwork& value) const { return "w" + value.to_string(); }
  std::optional<std::string> operator()(const db::Bytes& value) const {
    return "x" + base64url_encode({reinterpret_cast<const char*>(value.data()), value.size()});
  }
  std::optional<std::string> operator()(const auto&) const { return std::nullopt; }  // require_pageable()
};

/// A letter for the type, and the value; nothing for an absent one.
std::optional<std::string> key_text(const db::Param& key) { return std::visit(KeyVisitor{}, key); }

db::Param parse_key(std::string_view text, ColumnType type) {
  if (text.empty()) refuse();
  const char kind = text.front();
  text.remove_prefix(1);
  const auto expect = [kind](char wanted) {
    if (kind != wanted) refuse();
  };
  const auto number = [text] {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) refuse();
    return value;
  };
  const auto given = [](const auto& parsed) -> db::Param {
    if (!parsed) refuse();
    return *parsed;
  };
  switch (type) {
    case ColumnType::boolean:
      expect('b');
      if (text != "0" && text != "1") refuse();
      return text == "1";
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      expect('i');
      return number();
    case ColumnType::float4:
    case ColumnType::real:
      expect('r');
      return std::bit_cast<double>(number());
    case ColumnType::text:
      expect('t');
      if (text_defect(text)) refuse();
      return std::string(text);
    case ColumnType::timestamp:
      expect('s');
      return Timestamp(Microseconds(number()));
    case ColumnType::date:
      expect('d');
      return given(Date::parse(text));
    case ColumnType::duration:
      expect('m');
      return Microseconds(number());
    case ColumnType::uuid:
      expect('u');
      return given(Uuid::parse(text));
    case ColumnType::network:
      expect('w');
      return given(IpNetwork::parse(text));
    case ColumnType::bytes: {
      expect('x');
      const auto bytes = base64url_decode(text);
      if (!bytes) refuse();
      const auto raw = std::as_bytes(std::span(*bytes));
      return db::Bytes(raw.begin(), raw.end());
    }
    case ColumnType::decimal: {
      expect('n');
      if (text.empty()) refuse();
      const std::size_t slash = std::min(text.find('/'), text.size() - 1);
      std::int64_t coefficient = 0;
      int scale = 0;
      const char* const end = text.data() + text.size();
      const auto whole = std::from_chars(text.data(), text.data() + slash, coefficient);
      const auto rest = std::from_chars(text.data() + slash + 1, end, scale);
      if (whole.ec != std::errc() || rest.ec != std::errc() || whole.ptr != text.data() + slash ||
          rest.ptr != end || scale < 0 || scale > 18) {
        refuse();
      }
      return db::Numeric{coefficient, scale};
    }
    case ColumnType::json:
    case ColumnType::array:
    case ColumnType::range:
      break;
  }
  refuse();
}

/// What a cursor belongs to: table and order.
std::string fingerprint(const QueryCore& query, std::span<const OrderBy> terms) {
  std::string text(query.model().table.name);
  for (const OrderBy& term : terms) {
    Sql sql(query.scope());
    Renderer(sql, query).write_value(*term.value);
    text += fmt::format("\n{} {} {}", sql.text(), term.descending, term.nulls_first());
  }
  return text;
}

/// Makes sure that a cursor belongs to the list, and, where there is a key, that its owner made it.
struct Seal {
  std::string_view key;
  std::string order;

  std::size_t size() const noexcept { return key.empty() ? checksum_size : signature_size; }
  std::string of(std::string_view body) const {
    if (key.empty()) return hmac_sha256(order, body).substr(0, size());
    return hmac_sha256(key, sha256(order) + std::string(body)).substr(0, size());
  }
};

std::string write_cursor(const Seal& seal, std::span<const db::Param> keys) {
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const db::Param& key : keys) {
    if (const auto text = key_text(key)) {
      json.value(*text);
    } else {
      json.null();
    }
  }
  json.end_array();
  return base64url_encode(seal.of(body) + body);
}

std::vector<db::Param> read_cursor(std::string_view cursor, const Seal& seal,
                                   std::span<const OrderBy> terms) {
  if (cursor.size() > longest_cursor) refuse();
  const auto bytes = base64url_decode(cursor);
  if (!bytes || bytes->size() < seal.size()) refuse();
  const std::string_view body = std::string_view(*bytes).substr(seal.size());
  if (!constant_time_equal(seal.of(body), std::string_view(*bytes).substr(0, seal.size()))) refuse();
  std::vector<db::Param> keys;
  JsonReader json(body);
  if (!json.begin_array()) refuse();
  while (json.next_item()) {
    if (keys.size() == terms.size()) refuse();
    const Node& term = *terms[keys.size()].value;
    std::string text;
    if (json.read_null()) {
      if (!is_nullable(term)) refuse();
      keys.emplace_back(nullptr);
    } else if (json.read_string(text)) {
      keys.push_back(parse_key(text, type_of(term)));
    } else {
      refuse();
    }
  }
  json.finish();
  if (keys.size() != terms.size()) refuse();
  return keys;
}

/// Nothing is among no values.
NodePtr never(const NodePtr& value) { return in_node(value, {}, nullptr); }

/// The value comes after the key.
NodePtr after(const OrderBy& term, const db::Param& key) {
  if (std::holds_alternative<std::nullptr_t>(key)) {
    return term.nulls_first() ? null_node(term.value, false) : never(term.value);
  }
  const Comparison comparison = term.descending ? Comparison::less : Comparison::greater;
  NodePtr further = compare_node(comparison, term.value, value_node(key, nullptr));
  if (!is_nullable(*term.value) || term.nulls_first()) return further;
  return or_node(std::move(further), null_node(term.value, true));
}

/// The row comes after that of the keys: its first term does, or is equal and the second does, …
NodePtr after(std::span<const OrderBy> terms, std::span<const db::Param> keys) {
  NodePtr condition = after(terms.back(), keys.back());
  for (std::size_t i = terms.size() - 1; i-- > 0;) {
    NodePtr equal = compare_node(Comparison::equal, terms[i].value, value_node(keys[i], nullptr));
    condition = or_node(after(terms[i], keys[i]), and_node(std::move(equal), std::move(condition)));
  }
  return condition;
}

void reverse(std::vector<OrderBy>& terms) {
  for (OrderBy& term : terms) {
    term.nulls = term.nulls_first() ? Nulls::last : Nulls::first;
    term.descending = !term.descending;
  }
}

}  // namespace

QueryCore QueryCore::reversed() const {
  if (limit_ || offset_) fail(ErrorKind::internal, "last() of a query with a limit or offset");
  Sql unused(scope_);
  std::vector<OrderBy> terms = Renderer(unused, *this).total_order();
  reverse(terms);
  return extended({Clause::Reorder{std::move(terms)}, nullptr});
}

PageCursors QueryCore::page(const PageRequest& request, const RowTarget& target) const {
  if (limit_ || offset_)
    fail(ErrorKind::internal, "page() cuts the rows itself: the query has a limit or offset");
  if (request.size == 0) fail(ErrorKind::internal, "page() of no rows");
  Sql unused(scope_);
  std::vector<OrderBy> terms = Renderer(unused, *this).total_order();
  require_pageable(terms);
  const Seal seal{request.key, fingerprint(*this, terms)};
  std::vector<db::Param> keys;
  if (!request.cursor.empty()) keys = read_cursor(request.cursor, seal, terms);
  if (request.backward) {
    reverse(terms);
  }
  QueryCore rows = extended({Clause::Reorder{terms}, nullptr}).limit(request.size + 1);
  if (!keys.empty()) rows = rows.where(after(terms, keys));

  std::vector<NodePtr> values;
  for (const OrderBy& term : terms) values.push_back(key_value(term.value));
  std::vector<db::Param> first;
  std::vector<db::Param> last;
  std::size_t count = 0;
  rows.fetch(target, false, values, [&](const db::Row& row, std::size_t column) {
    ++count;
    if (count > request.size) return;
    std::vector<db::Param> found;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      found.push_back(key_of(row, column + i, type_of(*terms[i].value)));
    }
    if (count == 1) first = found;
    last = std::move(found);
  });
  const bool more = count > request.size;
  const auto cursor = [&](const std::vector<db::Param>& of) {
    return of.empty() ? std::string(request.cursor) : write_cursor(seal, of);
  };
  PageCursors cursors;
  if (request.backward) {
    if (more) cursors.previous = cursor(last);
    if (!request.cursor.empty()) cursors.next = cursor(first);
  } else {
    if (more) cursors.next = cursor(last);
    if (!request.cursor.empty()) cursors.previous = cursor(first);
  }
  return cursors;
}

}  // namespace mpf::orm::detail
