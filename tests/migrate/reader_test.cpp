#include "migrate/support.hpp"

#include <doctest/doctest.h>

#include "migrate/migration.hpp"
#include "migrate/sql_text.hpp"

using namespace mpf;
using migrate::parse_migration;
using orm::ColumnType;

namespace {

const std::string head = "migration:\n  module: m\n  name: 0001_x\n";

std::string refusal(const std::string& text) {
  ErrorKind kind{};
  const auto message = test::error_of([&] { parse_migration(text, "m/0001_x.yaml"); }, &kind);
  REQUIRE_MESSAGE(!message.empty(), text);
  CHECK(kind == ErrorKind::configuration);
  return message;
}

}  // namespace

TEST_CASE("what is written is read back the same, and written the same again") {
  auto odd = test::with_default(test::col("odd 'name' \"x\": #"), "'a: ''b'' \\ # \xc3\xa4\n'");
  odd.max_length = 7;
  odd.choices = {"yes", "null", "", "it's", "1", "a, b", "]"};
  auto reference = test::ref_col("user_id", "user_account", orm::OnDelete::set_null, true);
  auto other = test::ref_col("key", "user_account");
  other.references->column = "key";
  auto within = test::ref_col("parent_id", "content_item", orm::OnDelete::set_default);
  within.default_value = "1";
  within.references->tenant = within.references->target_tenant = "user_id";
  auto beyond = test::ref_col("group_id", "user_group", orm::OnDelete::do_nothing);
  beyond.references->tenant = "user_id";
  beyond.references->target_tenant = "owner_id";
  auto sorted = test::col("sorted");
  sorted.byte_order = true;
  auto table = test::table("content_item", {test::id_col(), odd, reference, other, within, beyond, sorted},
                           {test::index("content_item", {"user_id"}, true)});
  auto price = test::with_default(test::col("price", ColumnType::decimal), "1.50");
  price.scale = 2;
  auto words = test::null_col("words", ColumnType::array);
  words.element = orm::ElementType::text;
  auto term = test::null_col("term", ColumnType::range);
  term.element = orm::ElementType::date;
  auto total = test::col("total", ColumnType::bigint);
  total.generated = orm::SqlText{"\"price\" * 2", "(\"price\" * 2)::bigint"};
  auto made = test::col("made", ColumnType::timestamp);
  made.computed_default = orm::SqlText{"unixepoch() * 1000000", "now()"};
  table.columns.insert(table.columns.end(), {price, words, term, total, made});
  auto partial = test::index("content_item", {"price", "made"}, true);
  partial.where = orm::SqlText{"\"price\" > 1", "\"price\" > 1"};
  partial.descending = {"made"};
  partial.nulls_equal = true;
  partial.expressions = {{"lower(\"odd\")", "lower(\"odd\")"}, {"1", "2"}};
  auto gin = test::index("content_item", {"words"});
  gin.method = orm::IndexMethod::gin;
  table.indexes.insert(table.indexes.end(), {partial, gin});
  const orm::Check check{"content_item_price_check", {"\"price\" > 0", "\"price\" > 0.00"}};
  table.checks = {check};
  table.tenant_column = "user_id";
  const std::vector<migrate::Operation> operations{
      migrate::CreateTable{table},
      migrate::DropTable{"a"},
      migrate::RenameTable{"a", "b"},
      migrate::MoveTable{"a", "m", "n.o"},
      migrate::AlterTable{"a", ""},
      migrate::AddColumn{"a", odd},
      migrate::DropColumn{"a", "b"},
      migrate::AlterColumn{"a", test::with_default(test::null_col("n", ColumnType::integer), "12")},
      migrate::RenameColumn{"a", "b", "c"},
      migrate::CreateIndex{"a", test::index("a", {"b", "c"})},
      migrate::DropIndex{"a", "i"},
      migrate::AddCheck{"a", check},
      migrate::DropCheck{"a", "c"},
      migrate::CreateIndex{"a", partial},
      migrate::RunSql{"SELECT 1;\n-- \"x\"\n", std::nullopt, "", std::nullopt},
      migrate::RunSql{std::nullopt, "SELECT 2", std::nullopt, std::nullopt, true},
      migrate::Backfill{"a",
                        {{"x", {"1", "2"}}, {"odd name", {"upper(\"y\")", "upper(\"y\")"}}},
                        orm::SqlText{"\"x\" IS NULL", "\"x\" IS NULL"},
                        100,
                        20,
                        {{"x", {"NULL", "NULL"}}}},
      migrate::Backfill{"a", {{"x", {"1", "1"}}}, std::nullopt, 5000, 0, {}, true},
      migrate::CallFunction{"slugs", "no_slugs"},
      migrate::CallFunction{"slugs", "", true},
  };
  const std::vector<migrate::MigrationId> depends{{"a.b", "0001_initial"}, {"m", "0001_x"}};
  migrate::MigrationText all{{"m", "0002_all"}, depends, {}, {{"m", "0001_a"}, {"m", "0002_b"}}};
  for (const auto& each : operations)
    all.operations.push_back({each, 0, all.operations.empty() ? "it is \"so\"" : ""});
  const auto text = migrate::write_migration(all);
  const auto read = parse_migration(text, "f");
  CHECK(read.id == migrate::MigrationId{"m", "0002_all"});
  CHECK(read.depends == depends);
  std::vector<migrate::Operation> again;
  for (const auto& each : read.operations) again.push_back(each.operation);
  REQUIRE(again.size() == operations.size());
  CHECK(std::get<migrate::CreateTable>(again[0]).table == table);
  CHECK(std::get<migrate::AddColumn>(again[5]).column == odd);
  CHECK(read.operations[0].reason == "it is \"so\"");
  CHECK(read.replaces == all.replaces);
  CHECK(migrate::write_migration({read.id, read.depends, read.operations, read.replaces}) == text);
  CHECK(read.checksum == parse_migration(text, "g").checksum);
}

TEST_CASE("line ends and a byte order mark do not count for the checksum, everything else does") {
  const auto text = head + "operations: []\n";
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(parse_migration(text, "f").checksum == parse_migration(windows, "f").checksum);
  CHECK(parse_migration(text, "f").checksum == parse_migration("\xef\xbb\xbf" + text, "f").checksum);
  CHECK(parse_migration(text, "f").checksum != parse_migration(text + "# x\n", "f").checksum);
}

TEST_CASE("mistakes are told with file, line and remedy") {
  const auto operation = [](const std::string& text) { return head + "operations:\n  - " + text; };
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"", {"m/0001_x.yaml:1:", "empty"}},
      {"{", {"m/0001_x.yaml:", "malformed YAML"}},
      {"a: 1\n---\nb: 2\n", {"more than one"}},
      {"- x\n", {":1:", "'migration:'"}},
      {head, {"lacks 'operations'"}},
      {head + "operation: []\n", {":4:", "unknown key 'operation'", "did you mean 'operations'"}},
      {"migration:\n  module: m\n  name: first\noperations: []\n", {":3:", "'first'", "0001_initial"}},
      {head + "  depends: [x]\noperations: []\n", {":4:", "'x' is no migration"}},
      {head + "  name: 0002_y\noperations: []\n", {":4:", "twice"}},
      {operation("add_colum: {table: t}\n"),
       {":5:", "unknown operation 'add_colum'", "did you mean 'add_column'"}},
      {operation("drop_table: {table: t, cascade: true}\n"), {":5:", "unknown key 'cascade'"}},
      {operation("drop_table: {}\n"), {":5:", "lacks 'table'"}},
      {operation("drop_table\n"), {":5:", "an operation is written"}},
      {operation("add_column:\n      table: t\n      column: {name: c, type: texd}\n"),
       {":7:", "unknown type 'texd'", "did you mean 'text'"}},
      {operation("add_column:\n      table: t\n      column: {name: c, type: text, max_length: -3}\n"),
       {":7:", "above 0", "'-3'"}},
      {operation("add_column:\n      table: t\n      column: {name: c, type: text, nullable: maybe}\n"),
       {":7:", "true or false"}},
      {operation("add_column:\n      table: t\n      column: {name: c, type: text, on_delete: cascade}\n"),
       {":7:", "'references'"}},
      {operation("drop_table: {table: sqlite_master}\n"), {":5:", "reserved"}},
      {operation("drop_table: {table: " + std::string(64, 'x') + "}\n"), {":5:", "63 bytes"}},
      {operation("sql: {}\n"), {":5:", "no dialect"}},
      {operation("sql:\n      sqlite: |\n        UPDATE t SET a = 1;\n        COMMIT;\n"),
       {"'COMMIT'", "leave"}},
      {"\xff", {":1:", "UTF-8"}},
  };
  for (const auto& [text, parts] : cases) {
    CAPTURE(text);
    const auto message = refusal(text);
    CAPTURE(message);
    for (const auto& part : parts) CHECK(test::contains(message, part));
  }
}

TEST_CASE("words of transactions are found at the start of statements only") {
  using migrate::transaction_control;
  CHECK(transaction_control("commit") == "COMMIT");
  CHECK(transaction_control("SELECT 1; /* x */ -- y\n Vacuum;") == "VACUUM");
  CHECK_FALSE(transaction_control("SELECT 'x; COMMIT', \"; ROLLBACK\" -- ; BEGIN\n /* ; BEGIN */"));
  CHECK_FALSE(transaction_control("CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = 1; END;"));
  CHECK_FALSE(transaction_control(""));
  CHECK_FALSE(transaction_control("INSERT INTO commits VALUES (1)"));
}
