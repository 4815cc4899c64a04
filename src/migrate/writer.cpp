#include <algorithm>
#include <array>

#include <mpf/base/enum.hpp>
#include <mpf/base/text.hpp>

#include "migrate/forms.hpp"
#include "migrate/migration.hpp"

namespace mpf::migrate {
namespace {

bool is_plain(std::string_view text) {
  constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  constexpr std::array<std::string_view, 9> special{"true", "false", "yes", "no", "on",
                                                    "off",  "null",  "y",   "n"};
  if (text.empty() || first.find(text.front()) == std::string_view::npos) return false;
  const auto good = [&](char c) {
    return first.find(c) != std::string_view::npos || (c >= '0' && c <= '9') || c == '.' || c == '/' ||
           c == '-';
  };
  return std::ranges::all_of(text, good) &&
         std::ranges::none_of(special, [&](std::string_view word) { return iequals(word, text); });
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() < 18 &&
         text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text == "0" || text.front() != '0');
}

std::string double_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += "\\x" + hex_encode({&c, 1});
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string scalar(std::string_view text) {
  if (is_plain(text) || is_digits(text)) return std::string(text);
  return double_quoted(text);
}

std::string text_of(const std::string& name) { return scalar(name); }

std::string list(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const auto& item : items) text += (text.size() == 1 ? "" : ", ") + scalar(item);
  return text + "]";
}

std::string sql_text(const orm::SqlText& sql) {
  if (sql.sqlite == sql.postgres) return double_quoted(sql.sqlite);
  return "{sqlite: " + double_quoted(sql.sqlite) + ", postgres: " + double_quoted(sql.postgres) + "}";
}

std::string reference(const orm::Reference& to) {
  if (to.column == "id" && to.tenant.empty()) return scalar(to.table);
  auto text = "{table: " + scalar(to.table);
  if (to.column != "id") text += ", column: " + scalar(to.column);
  if (!to.tenant.empty()) text += ", tenant: " + scalar(to.tenant);
  if (to.target_tenant != to.tenant) text += ", target_tenant: " + scalar(to.target_tenant);
  return text + "}";
}

std::string text_of(const orm::Column& c) {
  auto text = "{name: " + scalar(c.name) + ", type: " + std::string(type_to_text(c.type));
  if (c.type == orm::ColumnType::decimal) text += ", scale: " + std::to_string(c.scale);
  if (c.element) text += ", of: " + std::string(enum_name(*c.element));
  if (c.primary_key) text += ", primary_key: true";
  if (c.nullable) text += ", nullable: true";
  if (c.max_length) text += ", max_length: " + std::to_string(*c.max_length);
  if (c.byte_order) text += ", order: bytes";
  if (!c.choices.empty()) text += ", choices: " + list(c.choices);
  if (c.default_value) text += ", default: " + scalar(*c.default_value);
  if (c.computed_default) text += ", computed_default: " + sql_text(*c.computed_default);
  if (c.generated) text += ", generated: " + sql_text(*c.generated);
  if (c.references) {
    const auto& to = *c.references;
    text += ", references: ";
    text += reference(to);
    text += ", on_delete: " + std::string(enum_name(to.on_delete));
  }
  return text + "}";
}

std::string text_of(const orm::Index& i) {
  auto text = "{name: " + scalar(i.name) + ", columns: " + list(i.columns);
  if (!i.expressions.empty()) {
    text += ", expressions: [";
    for (const auto& each : i.expressions)
      text += (&each == i.expressions.data() ? "" : ", ") + sql_text(each);
    text += "]";
  }
  if (!i.descending.empty()) text += ", descending: " + list(i.descending);
  if (i.unique) text += ", unique: true";
  if (i.nulls_equal) text += ", nulls_equal: true";
  if (i.method != orm::IndexMethod::btree) text += ", method: " + std::string(enum_name(i.method));
  if (i.where) text += ", where: " + sql_text(*i.where);
  return text + "}";
}

/// What follows the table's name, or stands in braces.
std::vector<std::pair<std::string, std::string>> security(const orm::RowSecurity& s) {
  std::vector<std::pair<std::string, std::string>> result{{"role", scalar(s.role)}};
  if (!s.site.empty()) result.emplace_back("site", scalar(s.site));
  if (!s.provider.empty()) result.emplace_back("provider", scalar(s.provider));
  if (s.shared) result.emplace_back("shared", "true");
  if (!s.site_table.empty()) {
    result.emplace_back("site_of", "{table: " + scalar(s.site_table) + ", column: " + scalar(s.site_key) +
                                       ", provider: " + scalar(s.site_provider) + "}");
  }
  return result;
}

std::string text_of(const orm::Check& c) {
  return "{name: " + scalar(c.name) + ", condition: " + sql_text(c.condition) + "}";
}

/// The lines below "- kind:", without indentation.
class Lines {
 public:
  void add(std::string_view key, std::string_view value) {
    text_ += "      " + std::string(key) + ": " + std::string(value) + "\n";
  }
  void add_name(std::string_view key, std::string_view value) { add(key, scalar(value)); }
  void add_optional(std::string_view key, const std::optional<std::string>& value) {
    if (value) add(key, double_quoted(*value));
  }
  void begin_list(std::string_view key) { text_ += "      " + std::string(key) + ":\n"; }
  void add_item(std::string_view value) { text_ += "        - " + std::string(value) + "\n"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string braces(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = "{";
  for (const auto& [key, value] : pairs) text += (text.size() == 1 ? "" : ", ") + key + ": " + value;
  return text + "}";
}

std::string values(const std::vector<std::pair<std::string, orm::SqlText>>& list) {
  std::string text = "{";
  for (const auto& [column, value] : list) {
    text += (text.size() == 1 ? "" : ", ") + scalar(column) + ": " + sql_text(value);
  }
  return text + "}";
}

/// Writes what the operation holds; returns what its kind is called.
class OperationWriter {
 public:
  std::string_view operator()(const CreateTable& op) {
    const auto& table = op.table;
    lines_.add_name("table", table.name);
    if (!table.tenant_column.empty()) lines_.add_name("tenant", table.tenant_column);
    if (table.row_security) lines_.add("row_security", braces(security(*table.row_security)));
    lines_.begin_list("columns");
    for (const auto& each : table.columns) lines_.add_item(text_of(each));
    if (!table.indexes.empty()) lines_.begin_list("indexes");
    for (const auto& each : table.indexes) lines_.add_item(text_of(each));
    if (!table.checks.empty()) lines_.begin_list("checks");
    for (const auto& each : table.checks) lines_.add_item(text_of(each));
    return "create_table";
  }
  std::string_view operator()(const AlterRowSecurity& op) {
    lines_.add_name("table", op.table);
    if (!op.security) return "drop_row_security";
    for (const auto& [key, value] : security(*op.security)) lines_.add(key, value);
    return "set_row_security";
  }
  std::string_view operator()(const RunSql& op) {
    lines_.add_optional("sqlite", op.sqlite);
    lines_.add_optional("postgres", op.postgres);
    lines_.add_optional("reverse_sqlite", op.reverse_sqlite);
    lines_.add_optional("reverse_postgres", op.reverse_postgres);
    if (op.irreversible) lines_.add("irreversible", "true");
    if (op.touches) lines_.add("touches", list(*op.touches));
    return "sql";
  }
  std::string_view operator()(const Backfill& op) {
    lines_.add_name("table", op.table);
    lines_.add("set", values(op.set));
    if (op.where) lines_.add("where", sql_text(*op.where));
    lines_.add("batch", std::to_string(op.batch));
    if (op.pause_ms > 0) lines_.add("pause_ms", std::to_string(op.pause_ms));
    if (!op.reverse.empty()) lines_.add("reverse", values(op.reverse));
    if (op.irreversible) lines_.add("irreversible", "true");
    return "backfill";
  }
  std::string_view operator()(const CallFunction& op) {
    lines_.add_name("function", op.function);
    if (!op.reverse.empty()) lines_.add_name("reverse", op.reverse);
    if (op.irreversible) lines_.add("irreversible", "true");
    if (op.touches) lines_.add("touches", list(*op.touches));
    return "call";
  }
  template <class Op>
  std::string_view operator()(const Op& op) {
    for_each_key(form_of<Op>(), [&](const auto& key) { add(key.key, op.*key.member); });
    return form_of<Op>().kind;
  }

  Lines& lines() { return lines_; }

 private:
  void add(std::string_view key, const auto& value) { lines_.add(key, text_of(value)); }
  void add(std::string_view key, bool value) {
    if (value) lines_.add(key, "true");
  }

  Lines lines_;
};

std::string operation(const LocatedOperation& located) {
  OperationWriter writer;
  const auto kind = std::visit(writer, located.operation);
  auto& lines = writer.lines();
  if (!located.reason.empty()) lines.add("reason", double_quoted(located.reason));
  return "  - " + std::string(kind) + ":\n" + lines.text();
}

}  // namespace

std::string write_migration(const MigrationText& migration) {
  const auto& id = migration.id;
  auto text = "migration:\n  module: " + scalar(id.module) + "\n  name: " + double_quoted(id.name) + "\n";
  if (migration.depends.empty()) {
    text += "  depends: []\n";
  } else {
    text += "  depends:\n";
    for (const auto& each : migration.depends) text += "    - " + scalar(each.to_string()) + "\n";
  }
  if (!migration.replaces.empty()) {
    text += "  replaces:\n";
    for (const auto& each : migration.replaces) text += "    - " + scalar(each.to_string()) + "\n";
  }
  if (migration.border) text += "  border: true  # apply when no release before this one runs any more\n";
  text += migration.operations.empty() ? "operations: []\n" : "operations:\n";
  for (const auto& each : migration.operations) text += operation(each);
  return text;
}

}  // namespace mpf::migrate
