#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <initializer_list>
#include <set>

#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>

#include "migrate/migration.hpp"
#include "migrate/sql_text.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

using orm::ColumnType;
using orm::ElementType;
using orm::IndexMethod;
using orm::OnDelete;

constexpr std::array column_types{
    ColumnType::boolean, ColumnType::smallint, ColumnType::integer, ColumnType::bigint, ColumnType::float4,
    ColumnType::real,    ColumnType::decimal,  ColumnType::text,    ColumnType::bytes,  ColumnType::timestamp,
    ColumnType::date,    ColumnType::duration, ColumnType::uuid,    ColumnType::json,   ColumnType::network,
    ColumnType::array,   ColumnType::range,    ColumnType::id};
constexpr std::array element_types{ElementType::boolean, ElementType::integer, ElementType::real,
                                   ElementType::text,    ElementType::uuid,    ElementType::timestamp,
                                   ElementType::date};
constexpr std::array methods{IndexMethod::btree, IndexMethod::gin, IndexMethod::gist, IndexMethod::hash,
                             IndexMethod::brin};
constexpr std::array on_deletes{OnDelete::restrict, OnDelete::cascade, OnDelete::set_null,
                                OnDelete::set_default, OnDelete::do_nothing};

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

/// One mapping of the file, which complains about keys that nobody asked for.
class Reader {
 public:
  Reader(const std::string& source, YAML::Node node, std::string what)
      : source_(source), node_(std::move(node)), what_(std::move(what)) {
    if (!node_.IsMap()) fail(node_, what_ + " must be a mapping (key: value)");
    std::set<std::string> seen;
    for (const auto& pair : node_) {
      if (!pair.first.IsScalar()) fail(pair.first, "a key of " + what_ + " is no plain text");
      if (!seen.insert(pair.first.Scalar()).second) {
        fail(pair.first, "the key '" + pair.first.Scalar() + "' of " + what_ + " is there twice; keep one");
      }
    }
  }

  [[noreturn]] void fail(const YAML::Node& at, const std::string& message) const {
    fail_at(source_, at.Mark().line + 1, message);
  }

  void allow(std::initializer_list<std::string_view> keys) const {
    std::vector<std::string_view> known(keys);
    if (may_have_reason_) known.push_back("reason");
    for (const auto& pair : node_) {
      const auto& key = pair.first.Scalar();
      if (std::ranges::find(known, key) == known.end()) unknown(pair.first, "key", key, known);
    }
  }

  [[noreturn]] void unknown(const YAML::Node& at, const std::string& what, const std::string& word,
                            const std::vector<std::string_view>& known) const {
    const auto near = nearest_word(word, known);
    fail(at, "unknown " + what + " '" + word + "' of " + what_ + "; " +
                 (near ? "did you mean '" + std::string(*near) + "'?" : "there are: " + join(known)));
  }

  YAML::Node find(const std::string& key) const { return node_[key]; }
  YAML::Node need(const std::string& key) const {
    const auto value = node_[key];
    if (!value) fail(node_, what_ + " lacks '" + key + "'");
    return value;
  }

  std::string scalar(const YAML::Node& value, const std::string& key) const {
    if (!value.IsScalar()) fail(value, "'" + key + "' of " + what_ + " must be text");
    return value.Scalar();
  }
  std::string text(const std::string& key) const {
    const auto value = need(key);
    auto result = scalar(value, key);
    if (result.empty()) fail(value, "'" + key + "' of " + what_ + " is empty");
    return result;
  }
  /// A name that goes into the database.
  std::string name(const std::string& key) const {
    auto result = text(key);
    check_name(need(key), result);
    return result;
  }
  void check_name(const YAML::Node& at, const std::string& name) const {
    if (name.size() > 63)
      fail(at, "the name '" + name + "' has more than 63 bytes, which PostgreSQL cuts off");
    if (name.starts_with("sqlite_") || name.starts_with("mpf_new_")) {
      fail(at, "the name '" + name + "' begins with what is reserved");
    }
    const bool good = !name.empty() && is_valid_utf8(name) &&
                      std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!good) fail(at, "the name '" + name + "' is empty or has control characters");
  }
  bool flag(const std::string& key) const {
    const auto value = find(key);
    if (!value) return false;
    const auto result = scalar(value, key);
    if (result != "true" && result != "false") fail(value, "'" + key + "' must be true or false");
    return result == "true";
  }
  std::vector<std::string> list(const std::string& key) const {
    const auto value = need(key);
    if (!value.IsSequence()) fail(value, "'" + key + "' of " + what_ + " must be a list");
    std::vector<std::string> result;
    for (const auto& each : value) result.push_back(scalar(each, key));
    return result;
  }
  Reader inner(const std::string& key, std::string what) const {
    return {source_, need(key), std::move(what)};
  }
  Reader inner(const YAML::Node& node, std::string what) const { return {source_, node, std::move(what)}; }
  /// Of an operation, which may say why it is done although it is unsafe.
  Reader operation(const YAML::Node& node, std::string what) const {
    auto result = inner(node, std::move(what));
    result.may_have_reason_ = true;
    return result;
  }
  const YAML::Node& node() const { return node_; }

 private:
  const std::string& source_;
  YAML::Node node_;
  std::string what_;
  bool may_have_reason_ = false;
};

/// One of a list of words.
template <class List, class ToText>
auto read_word(const Reader& reader, const std::string& key, const List& list, ToText to_text) {
  const auto word = reader.text(key);
  const auto found = std::ranges::find(list, word, to_text);
  if (found == list.end()) {
    std::vector<std::string_view> known;
    for (const auto each : list) known.push_back(to_text(each));
    reader.unknown(reader.need(key), key, word, known);
  }
  return *found;
}

std::size_t read_number(const Reader& reader, const std::string& key, std::size_t least) {
  const auto node = reader.need(key);
  const auto text = reader.scalar(node, key);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    reader.fail(node, "'" + key + "' must be a whole number" + (least > 0 ? " above 0" : "") + ", not '" +
                          text + "'");
  }
  return number;
}

orm::SqlText read_sql_text(const Reader& reader, const YAML::Node& node, const std::string& key) {
  if (!node.IsMap()) {
    const auto text = reader.scalar(node, key);
    return {text, text};
  }
  const auto map = reader.inner(node, "'" + key + "'");
  map.allow({"sqlite", "postgres"});
  return {map.text("sqlite"), map.text("postgres")};
}

std::optional<orm::SqlText> find_sql_text(const Reader& reader, const std::string& key) {
  const auto node = reader.find(key);
  if (!node) return std::nullopt;
  return read_sql_text(reader, node, key);
}

orm::Reference read_reference(const Reader& column) {
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
    reference.on_delete = read_word(column, "on_delete", on_deletes, orm::ddl::on_delete_name);
  }
  return reference;
}

orm::Column read_column(const Reader& reader) {
  reader.allow({"name", "type", "scale", "of", "nullable", "primary_key", "max_length", "choices", "default",
                "computed_default", "generated", "references", "on_delete", "order"});
  orm::Column column;
  column.name = reader.name("name");
  column.type = read_word(reader, "type", column_types, type_to_text);
  if (reader.find("scale")) {
    column.scale = static_cast<int>(std::min<std::size_t>(read_number(reader, "scale", 0), 99));
  }
  if (reader.find("of")) column.element = read_word(reader, "of", element_types, element_to_text);
  column.nullable = reader.flag("nullable");
  column.primary_key = reader.flag("primary_key");
  if (reader.find("max_length")) column.max_length = read_number(reader, "max_length", 1);
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

orm::Index read_index(const Reader& reader) {
  reader.allow({"name", "columns", "expressions", "descending", "unique", "nulls_equal", "method", "where"});
  orm::Index index{reader.name("name"), reader.list("columns"), reader.flag("unique")};
  if (const auto expressions = reader.find("expressions")) {
    if (!expressions.IsSequence()) reader.fail(expressions, "'expressions' must be a list");
    for (const auto& each : expressions)
      index.expressions.push_back(read_sql_text(reader, each, "expressions"));
  }
  if (reader.find("descending")) index.descending = reader.list("descending");
  index.nulls_equal = reader.flag("nulls_equal");
  if (reader.find("method")) index.method = read_word(reader, "method", methods, orm::ddl::method_name);
  index.where = find_sql_text(reader, "where");
  return index;
}

orm::Check read_check(const Reader& reader) {
  reader.allow({"name", "condition"});
  return {reader.name("name"), read_sql_text(reader, reader.need("condition"), "condition")};
}

Operation read_create_table(const Reader& op) {
  op.allow({"table", "columns", "indexes", "checks", "tenant"});
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
  return result;
}

Operation read_sql(const Reader& op) {
  op.allow({"sqlite", "postgres", "reverse_sqlite", "reverse_postgres", "irreversible"});
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
  RunSql result{read("sqlite"), read("postgres"), read("reverse_sqlite"), read("reverse_postgres"),
                op.flag("irreversible")};
  if (result.irreversible && (result.reverse_sqlite || result.reverse_postgres)) {
    op.fail(op.node(), "'sql' is marked irreversible and has a reverse; leave one out");
  }
  if (!result.sqlite && !result.postgres) op.fail(op.node(), "'sql' has text for no dialect: add 'sqlite:'");
  return result;
}

/// Columns and the SQL of their values.
std::vector<std::pair<std::string, orm::SqlText>> read_values(const Reader& op, const std::string& key) {
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

Operation read_backfill(const Reader& op) {
  op.allow({"table", "set", "where", "batch", "pause_ms", "reverse", "irreversible"});
  Backfill result;
  result.table = op.name("table");
  result.set = read_values(op, "set");
  result.where = find_sql_text(op, "where");
  if (op.find("batch")) result.batch = read_number(op, "batch", 1);
  if (op.find("pause_ms")) result.pause_ms = read_number(op, "pause_ms", 0);
  if (op.find("reverse")) result.reverse = read_values(op, "reverse");
  result.irreversible = op.flag("irreversible");
  if (result.irreversible && !result.reverse.empty()) {
    op.fail(op.node(), "'backfill' is marked irreversible and has a reverse; leave one out");
  }
  return result;
}

Operation read_call(const Reader& op) {
  op.allow({"function", "reverse", "irreversible"});
  CallFunction result{op.text("function"), {}, op.flag("irreversible")};
  if (op.find("reverse")) result.reverse = op.text("reverse");
  if (result.irreversible && !result.reverse.empty()) {
    op.fail(op.node(), "'call' is marked irreversible and has a reverse; leave one out");
  }
  return result;
}

using ReadOperation = Operation (*)(const Reader&);
struct Kind {
  std::string_view name;
  ReadOperation read;
};

const std::array kinds{
    Kind{"create_table", read_create_table},
    Kind{"drop_table",
         [](const Reader& op) -> Operation {
           op.allow({"table"});
           return DropTable{op.name("table")};
         }},
    Kind{"rename_table",
         [](const Reader& op) -> Operation {
           op.allow({"from", "to"});
           return RenameTable{op.name("from"), op.name("to")};
         }},
    Kind{"move_table",
         [](const Reader& op) -> Operation {
           op.allow({"table", "from", "to"});
           return MoveTable{op.name("table"), op.text("from"), op.text("to")};
         }},
    Kind{"alter_table",
         [](const Reader& op) -> Operation {
           op.allow({"table", "tenant"});
           return AlterTable{op.name("table"), op.scalar(op.need("tenant"), "tenant")};
         }},
    Kind{"add_column",
         [](const Reader& op) -> Operation {
           op.allow({"table", "column"});
           return AddColumn{op.name("table"), read_column(op.inner("column", "a column"))};
         }},
    Kind{"drop_column",
         [](const Reader& op) -> Operation {
           op.allow({"table", "column"});
           return DropColumn{op.name("table"), op.name("column")};
         }},
    Kind{"alter_column",
         [](const Reader& op) -> Operation {
           op.allow({"table", "column"});
           return AlterColumn{op.name("table"), read_column(op.inner("column", "a column"))};
         }},
    Kind{"rename_column",
         [](const Reader& op) -> Operation {
           op.allow({"table", "from", "to"});
           return RenameColumn{op.name("table"), op.name("from"), op.name("to")};
         }},
    Kind{"create_index",
         [](const Reader& op) -> Operation {
           op.allow({"table", "index"});
           return CreateIndex{op.name("table"), read_index(op.inner("index", "an index"))};
         }},
    Kind{"drop_index",
         [](const Reader& op) -> Operation {
           op.allow({"table", "index"});
           return DropIndex{op.name("table"), op.name("index")};
         }},
    Kind{"add_check",
         [](const Reader& op) -> Operation {
           op.allow({"table", "check"});
           return AddCheck{op.name("table"), read_check(op.inner("check", "a check"))};
         }},
    Kind{"drop_check",
         [](const Reader& op) -> Operation {
           op.allow({"table", "check"});
           return DropCheck{op.name("table"), op.name("check")};
         }},
    Kind{"sql", read_sql},
    Kind{"backfill", read_backfill},
    Kind{"call", read_call},
};

LocatedOperation read_operation(const Reader& file, const YAML::Node& node) {
  if (!node.IsMap() || node.size() != 1 || !node.begin()->first.IsScalar()) {
    file.fail(node, "an operation is written '- create_table: …', with one kind each");
  }
  const YAML::Node key = node.begin()->first;
  const YAML::Node value = node.begin()->second;
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

MigrationId read_id(const Reader& reader, const YAML::Node& at, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || !is_migration_name(text.substr(slash + 1))) {
    reader.fail(at, "'" + text + "' is no migration; write it like 'content.item/0001_initial'");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

Migration read_migration(const YAML::Node& root, const std::string& source) {
  if (!root.IsMap()) fail_at(source, 1, "a migration file holds 'migration:' and 'operations:'");
  const Reader file(source, root, "the file");
  file.allow({"migration", "operations"});
  const auto head = file.inner("migration", "'migration'");
  head.allow({"module", "name", "depends", "replaces"});
  Migration result;
  result.source = source;
  result.id = {head.text("module"), head.text("name")};
  if (!is_migration_name(result.id.name)) {
    head.fail(head.need("name"),
              "'" + result.id.name + "' is no name of a migration; write it like '0001_initial'");
  }
  if (const auto depends = head.find("depends")) {
    const auto texts = head.list("depends");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      result.depends.push_back(read_id(head, depends[i], texts[i]));
      result.depends_lines.push_back(depends[i].Mark().line + 1);
    }
  }
  if (const auto replaces = head.find("replaces")) {
    const auto texts = head.list("replaces");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      result.replaces.push_back(read_id(head, replaces[i], texts[i]));
      if (result.replaces.back().module != result.id.module) {
        head.fail(replaces[i], "a migration can replace only those of its own module");
      }
    }
  }
  const auto operations = file.need("operations");
  if (!operations.IsSequence() && !operations.IsNull()) file.fail(operations, "'operations' must be a list");
  for (const auto& node : operations) result.operations.push_back(read_operation(file, node));
  return result;
}

}  // namespace

void fail_at(std::string_view source, int line, const std::string& message) {
  fail(ErrorKind::configuration, std::string(source) + ":" + std::to_string(line) + ": " + message);
}

std::string_view type_to_text(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::smallint:
      return "smallint";
    case ColumnType::integer:
      return "integer";
    case ColumnType::bigint:
      return "bigint";
    case ColumnType::float4:
      return "float";
    case ColumnType::real:
      return "real";
    case ColumnType::decimal:
      return "decimal";
    case ColumnType::text:
      return "text";
    case ColumnType::bytes:
      return "bytes";
    case ColumnType::timestamp:
      return "timestamp";
    case ColumnType::date:
      return "date";
    case ColumnType::duration:
      return "duration";
    case ColumnType::uuid:
      return "uuid";
    case ColumnType::json:
      return "json";
    case ColumnType::network:
      return "network";
    case ColumnType::array:
      return "array";
    case ColumnType::range:
      return "range";
    case ColumnType::id:
      return "id";
  }
  return {};
}

std::string_view element_to_text(ElementType type) noexcept {
  switch (type) {
    case ElementType::boolean:
      return "boolean";
    case ElementType::integer:
      return "integer";
    case ElementType::real:
      return "real";
    case ElementType::text:
      return "text";
    case ElementType::uuid:
      return "uuid";
    case ElementType::timestamp:
      return "timestamp";
    case ElementType::date:
      return "date";
  }
  return {};
}

bool is_migration_name(std::string_view name) noexcept {
  const auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits < 4 || digits == name.size() || name[digits] != '_' || digits + 1 == name.size()) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", digits) == std::string_view::npos;
}

Migration parse_migration(std::string_view text, const std::string& source) {
  if (!is_valid_utf8(text)) fail_at(source, 1, "the file is not UTF-8");
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.size() != 1) {
      fail_at(source, 1,
              documents.empty() ? "the file is empty" : "the file holds more than one YAML document");
    }
    auto result = read_migration(documents.front(), source);
    std::string unix_text(text);
    std::erase(unix_text, '\r');
    result.checksum = sha256(unix_text);
    return result;
  } catch (const YAML::Exception& e) {
    fail_at(source, e.mark.line + 1, "malformed YAML: " + e.msg);
  }
}

}  // namespace mpf::migrate
