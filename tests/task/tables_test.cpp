#include <doctest/doctest.h>

#include <map>
#include <string>

#include <mpf/base/enum.hpp>
#include <mpf/task/queue.hpp>

TEST_CASE("the migration makes the tables that the library describes") {
  const auto file = mpf::task::migrations().find("0001_initial.yaml");
  REQUIRE(file);
  std::string expected;
  for (const auto& table : mpf::task::tables()) {
    expected += "  - create_table:\n      table: " + table.name + "\n      columns:\n";
    for (const auto& column : table.columns) {
      expected += "        - {name: " + column.name + ", type: " + std::string(mpf::enum_name(column.type));
      if (column.primary_key) expected += ", primary_key: true";
      if (column.nullable) expected += ", nullable: true";
      if (column.max_length) expected += ", max_length: " + std::to_string(*column.max_length);
      expected += "}\n";
    }
    if (!table.indexes.empty()) expected += "      indexes:\n";
    for (const auto& index : table.indexes) {
      expected += "        - {name: " + index.name + ", columns: [";
      for (const auto& column : index.columns)
        expected += (column == index.columns.front() ? "" : ", ") + column;
      expected += index.unique ? "], unique: true}\n" : "]}\n";
    }
  }
  CHECK(file->substr(file->find("operations:\n") + 12) == expected);
}
