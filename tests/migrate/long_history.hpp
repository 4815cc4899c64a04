#pragma once

#include <string>
#include <vector>

#include "migrate/support.hpp"

namespace mpf::test {

/// A table of 300, each with a reference to the one before it.
inline orm::Table numbered_table(int number) {
  const auto name = "model_" + std::to_string(number);
  auto result = table(name, {id_col(), col("title"), with_default(col("n", orm::ColumnType::integer), "0")},
                      {index(name, {"title"})});
  if (number > 0) result.columns.push_back(ref_col("parent_id", "model_" + std::to_string(number - 1)));
  return result;
}

/// Writes 1,000 migrations of `module`: 300 tables, then a column at a time. Returns the tables.
inline std::vector<orm::Table> write_long_history(const Modules& modules, const std::string& module) {
  std::vector<orm::Table> tables;
  for (int i = 0; i < 300; ++i) tables.push_back(numbered_table(i));
  migrate::Migrator(nullptr, {modules.models(module, tables)}).make();
  std::string previous = "0001_initial";
  for (int i = 2; i <= 1000; ++i) {
    const auto digits = std::to_string(i);
    const auto name = std::string(4 - digits.size(), '0') + digits + "_more";
    auto& changed = tables[static_cast<std::size_t>(i) % tables.size()];
    changed.columns.push_back(null_col("c" + digits));
    modules.add(module, name,
                "migration:\n  module: " + module + "\n  name: " + name + "\n  depends: [" + module + "/" +
                    previous + "]\noperations:\n  - add_column:\n      table: " + changed.name +
                    "\n      column: {name: c" + digits + ", type: text, nullable: true}\n");
    previous = name;
  }
  modules.accept(module);
  return tables;
}

}  // namespace mpf::test
