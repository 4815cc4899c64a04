#include <algorithm>

#include <mpf/base/enum.hpp>

#include "migrate/forms.hpp"
#include "migrate/sql_text.hpp"
#include "migrate/yaml_reader.hpp"

namespace mpf::migrate {
namespace {

/// The enumerator that is called by the word.
template <ScopedEnum E>
E read_word(const YamlReader& reader, const std::string& key,
            std::string_view (*name_of)(E) noexcept = enum_name<E>) {
  const auto word = reader.text(key);
  std::vector<std::string_view> known;
  for (const auto& entry : enum_entries<E>()) {
    if (name_of(entry.value) == word) return entry.value;
    known.push_back(name_of(entry.value));
  }
  reader.unknown(reader.need(key), key, word, known);
}

orm::SqlText read_sql_text(const YamlReader& reader, const YAML::Node& node, const std::string& key) {
  if (!node.IsMap()) {
    const auto text = reader.scalar(node, key);
    return {text, text};
  }
  const auto map = reader.inner(node, "'" + key + "'");
  map.allow({"sqlite", "postgres"});
  return {map.text("sqlite"), map.text("postgres")};
}

std::optional<orm::SqlText> find_sql_text(const YamlReader& reader, const std::string& key) {
  const auto node = reader.find(key);
  if (!node) return std::nullopt;
  return read_sql_text(reader, node, key);
}

orm::Reference read_reference(const YamlReader& column) {
  orm::Reference reference;
  const auto node = column.need("references");
  if (node.IsMap()) {
    const auto map = column.inner("references", "'references'");
    map.allow({"table", "column", "tenant", "target_tenant"});
    reference.table = map.name("table");
    if (map.find("column")) reference.column = map.name("column");
    if (map.find("tenant")) reference.tenant = map.name("tenant");
    reference.target_tenant = map.find("target_tenant") ? map.name("target_tenant") : reference.tenant;
  } else {
    reference.table = column.name("references");
  }
  if (column.find("on_delete")) {
    reference.on_delete = read_word<orm::OnDelete>(column, "on_delete");
  }
  return reference;
}

orm::Column read_column(const YamlReader& reader) {
  reader.allow({"name", "type", "scale", "of", "nullable", "primary_key", "max_length", "choices", "default",
                "computed_default", "generated", "references", "on_delete", "order"});
  orm::Column column;
  column.name = reader.name("name");
  column.type = read_word<orm::ColumnType>(reader, "type", type_to_text);
  if (reader.find("scale")) {
    column.scale = static_cast<int>(std::min<std::size_t>(reader.number("scale", 0), 99));
  }
  if (reader.find("of")) column.element = read_word<orm::ElementType>(reader, "of");
  column.nullable = reader.flag("nullable");
  column.primary_key = reader.flag("primary_key");
  if (reader.find("max_length")) column.max_length = reader.number("max_length", 1);
  if (const auto choices = reader.find("choices")) {
    column.choices = reader.list("choices");
    if (column.choices.empty()) reader.fail(choices, "'choices' is empty; leave it out to allow any text");
  }
  if (const auto value = reader.find("default")) column.default_value = reader.scalar(value, "default");
  column.computed_default = find_sql_text(reader, "computed_default");
  column.generated = find_sql_text(reader, "generated");
  if (const auto order = reader.find("order")) {
    if (reader.scalar(order, "order") != "bytes") reader.fail(order, "'order' can only be 'bytes'");
    column.byte_order = true;
  }
  if (reader.find("references")) {
    column.references = read_reference(reader);
  } else if (const auto on_delete = reader.find("on_delete")) {
    reader.fail(on_delete, "'on_delete' is of no use without 'references'");
  }
  return column;
}

orm::Index read_index(const YamlReader& reader) {
  reader.allow({"name", "columns", "expressions", "descending", "unique", "nulls_equal", "method", "where"});
  orm::Index index{reader.name("name"), reader.list("columns"), reader.flag("unique")};
  if (const auto expressions = reader.find("expressions")) {
    if (!expressions.IsSequence()) reader.fail(expressions, "'expressions' must be a list");
    for (const auto& each : expressions)
      index.expressions.push_back(read_sql_text(reader, each, "expressions"));
  }
  if (reader.find("descending")) index.descending = reader.list("descending");
  index.nulls_equal = reader.flag("nulls_equal");
  if (reader.find("method")) index.method = read_word<orm::IndexMethod>(reader, "method");
  index.where = find_sql_text(reader, "where");
  return index;
}

orm::Check read_check(const YamlReader& reader) {
  reader.allow({"name", "condition"});
  return {reader.name("name"), read_sql_text(reader, reader.need("condition"), "condition")};
}

orm::RowSecurity read_security(const YamlReader& reader) {
  orm::RowSecurity result;
  result.role = reader.name("role");
  if (reader.find("site")) result.site = reader.name("site");
  if (reader.find("provider")) result.provider = reader.name("provider");
  result.shared = reader.flag("shared");
  if (reader.find("site_of")) {
    const auto of = reader.inner("site_of", "'site_of'");
    of.allow({"table", "column", "provider"});
    result.site_table = of.name("table");
    result.site_key = of.name("column");
    result.site_provider = of.name("provider");
  }
  return result;
}

Operation read_create_table(const YamlReader& op) {
  op.allow({"table", "columns", "indexes", "checks", "tenant", "row_security"});
  CreateTable result;
  result.table.name = op.name("table");
  const auto columns = op.need("columns");
  if (!columns.IsSequence()) op.fail(columns, "'columns' must be a list");
  for (const auto& each : columns) result.table.columns.push_back(read_column(op.inner(each, "a column")));
  if (const auto indexes = op.find("indexes")) {
    if (!indexes.IsSequence()) op.fail(indexes, "'indexes' must be a list");
    for (const auto& each : indexes) result.table.indexes.push_back(read_index(op.inner(each, "an index")));
  }
  if (const auto checks = op.find("checks")) {
    if (!checks.IsSequence()) op.fail(checks, "'checks' must be a list");
    for (const auto& each : checks) result.table.checks.push_back(read_check(op.inner(each, "a check")));
  }
  if (op.find("tenant")) result.table.tenant_column = op.text("tenant");
  if (op.find("row_security")) {
    const auto security = op.inner("row_security", "'row_security'");
    security.allow({"role", "site", "provider", "shared", "site_of"});
    result.table.row_security = read_security(security);
  }
  return result;
}

/// Tables and "table.column"; may be empty, which says that it touches none.
std::optional<std::vector<std::string>> find_touches(const YamlReader& op) {
  const auto node = op.find("touches");
  if (!node) return std::nullopt;
  if (!node.IsSequence()) op.fail(node, "'touches' must be a list of tables, or of columns as table.column");
  std::vector<std::string> result;
  for (const auto& each : node) {
    auto text = op.scalar(each, "touches");
    const auto point = text.find('.');
    op.check_name(each, text.substr(0, point));
    if (point != std::string::npos) op.check_name(each, text.substr(point + 1));
    result.push_back(std::move(text));
  }
  return result;
}

Operation read_sql(const YamlReader& op) {
  op.allow({"sqlite", "postgres", "reverse_sqlite", "reverse_postgres", "irreversible", "touches"});
  const auto read = [&](const char* key) -> std::optional<std::string> {
    const auto node = op.find(key);
    if (!node) return std::nullopt;
    auto text = op.scalar(node, key);
    if (const auto word = transaction_control(text)) {
      op.fail(node, "'" + *word +
                        "' cannot be used in a migration: each runs in a transaction of its own; "
                        "leave the statement out");
    }
    return text;
  };
  RunSql result{read("sqlite"),           read("postgres"),        read("reverse_sqlite"),
                read("reverse_postgres"), op.flag("irreversible"), find_touches(op)};
  if (result.irreversible && (result.reverse_sqlite || result.reverse_postgres)) {
    op.fail(op.node(), "'sql' is marked irreversible and has a reverse; leave one out");
  }
  if (!result.sqlite && !result.postgres) op.fail(op.node(), "'sql' has text for no dialect: add 'sqlite:'");
  return result;
}

/// Columns and the SQL of their values.
std::vector<std::pair<std::string, orm::SqlText>> read_values(const YamlReader& op, const std::string& key) {
  std::vector<std::pair<std::string, orm::SqlText>> result;
  const auto node = op.need(key);
  const auto map = op.inner(node, "'" + key + "'");
  for (const auto& pair : map.node()) {
    const auto& column = pair.first.Scalar();
    map.check_name(pair.first, column);
    result.emplace_back(column, read_sql_text(map, pair.second, column));
  }
  if (result.empty()) op.fail(node, "'" + key + "' names no column");
  return result;
}

Operation read_backfill(const YamlReader& op) {
  op.allow({"table", "set", "where", "batch", "pause_ms", "reverse", "irreversible"});
  Backfill result;
  result.table = op.name("table");
  result.set = read_values(op, "set");
  result.where = find_sql_text(op, "where");
  if (op.find("batch")) result.batch = op.number("batch", 1);
  if (op.find("pause_ms")) result.pause_ms = op.number("pause_ms", 0);
  if (op.find("reverse")) result.reverse = read_values(op, "reverse");
  result.irreversible = op.flag("irreversible");
  if (result.irreversible && !result.reverse.empty()) {
    op.fail(op.node(), "'backfill' is marked irreversible and has a reverse; leave one out");
  }
  return result;
}

Operation read_call(const YamlReader& op) {
  op.allow({"function", "reverse", "irreversible", "touches"});
  CallFunction result{op.text("function"), {}, op.flag("irreversible"), find_touches(op)};
  if (op.find("reverse")) result.reverse = op.text("reverse");
  if (result.irreversible && !result.reverse.empty()) {
    op.fail(op.node(), "'call' is marked irreversible and has a reverse; leave one out");
  }
  return result;
}

void read_value(const YamlReader& op, const std::string& key, Word word, std::string& value) {
  if (word == Word::maybe) {
    value = op.scalar(op.need(key), key);
  } else {
    value = word == Word::name ? op.name(key) : op.text(key);
  }
}
void read_value(const YamlReader& op, const std::string& key, Word, bool& value) { value = op.flag(key); }
void read_value(const YamlReader& op, const std::string& key, Word, orm::Column& value) {
  value = read_column(op.inner(key, "a column"));
}
void read_value(const YamlReader& op, const std::string& key, Word, orm::Index& value) {
  value = read_index(op.inner(key, "an index"));
}
void read_value(const YamlReader& op, const std::string& key, Word, orm::Check& value) {
  value = read_check(op.inner(key, "a check"));
}

template <class Op>
Operation read_form(const YamlReader& op) {
  std::vector<std::string_view> keys;
  for_each_key(form_of<Op>(), [&](const auto& key) { keys.push_back(key.key); });
  op.allow(keys);
  Op result;
  for_each_key(form_of<Op>(),
               [&](const auto& key) { read_value(op, std::string(key.key), key.word, result.*key.member); });
  return result;
}

struct Kind {
  std::string_view name;
  Operation (*read)(const YamlReader&);
};

/// All that a file may have.
std::vector<Kind> all_kinds() {
  std::vector<Kind> result{{"create_table", read_create_table},
                           {"set_row_security",
                            [](const YamlReader& op) -> Operation {
                              op.allow({"table", "role", "site", "provider", "shared", "site_of"});
                              return AlterRowSecurity{op.name("table"), read_security(op)};
                            }},
                           {"drop_row_security",
                            [](const YamlReader& op) -> Operation {
                              op.allow({"table"});
                              return AlterRowSecurity{op.name("table"), std::nullopt};
                            }},
                           {"sql", read_sql},
                           {"backfill", read_backfill},
                           {"call", read_call}};
  const auto add = [&]<class Form>(const Form& form) {
    result.push_back({form.kind, read_form<typename Form::Kind>});
  };
  std::apply([&](const auto&... form) { (add(form), ...); }, forms);
  return result;
}

}  // namespace

LocatedOperation read_operation(const YamlReader& file, const YAML::Node& node) {
  if (!node.IsMap() || node.size() != 1 || !node.begin()->first.IsScalar()) {
    file.fail(node, "an operation is written '- create_table: …', with one kind each");
  }
  const YAML::Node key = node.begin()->first;
  const YAML::Node value = node.begin()->second;
  static const auto kinds = all_kinds();
  const auto found = std::ranges::find(kinds, key.Scalar(), &Kind::name);
  if (found == kinds.end()) {
    std::vector<std::string_view> known;
    for (const auto& each : kinds) known.push_back(each.name);
    file.inner(node, "the migration").unknown(key, "operation", key.Scalar(), known);
  }
  const auto what = "'" + key.Scalar() + "'";
  const auto reader = file.operation(value, what);
  LocatedOperation result{found->read(reader), node.Mark().line + 1};
  if (value["reason"]) result.reason = reader.text("reason");
  return result;
}

}  // namespace mpf::migrate
