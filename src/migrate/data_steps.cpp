#include "migrate/data_steps.hpp"

#include <algorithm>
#include <set>

#include "migrate/sql_text.hpp"

namespace mpf::migrate {
namespace {

using Places = std::set<std::string>;

std::string plain(const std::string& word) {
  auto name = word.starts_with('"') ? word.substr(1, word.size() - 2) : word;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

std::string column(const std::string& table, const std::string& name) {
  return plain(table) + "." + plain(name);
}

/// Every word may be a column of the table, or another table.
void add_words(Places& places, const std::string& table, const orm::SqlText& sql) {
  for (const auto& text : {sql.sqlite, sql.postgres}) {
    for (const auto& words : statements_of(text)) {
      for (const auto& word : words) {
        places.insert(column(table, word));
        places.insert(plain(word));
      }
    }
  }
}

Places rows_of(const Backfill& op) {
  Places places;
  for (const auto* values : {&op.set, &op.reverse}) {
    for (const auto& [name, value] : *values) {
      places.insert(column(op.table, name));
      add_words(places, op.table, value);
    }
  }
  if (op.where) add_words(places, op.table, *op.where);
  places.erase(plain(op.table));  // only these columns of it
  return places;
}

Places declared(const std::optional<std::vector<std::string>>& touches) {
  Places places;
  for (const auto& each : touches.value_or(std::vector<std::string>())) places.insert(plain(each));
  return places;
}

/// Only what is unique decides which rows there may be.
Places of_index(const std::string& table, const orm::Index* index) {
  if (!index) return {plain(table)};
  if (!index->unique) return {};
  Places places;
  for (const auto& name : index->columns) places.insert(column(table, name));
  for (const auto& each : index->expressions) add_words(places, table, each);
  if (index->where) add_words(places, table, *index->where);
  places.erase(plain(table));
  return places;
}

Places of_check(const std::string& table, const orm::Check* check) {
  if (!check) return {plain(table)};
  Places places;
  add_words(places, table, check->condition);
  return places;
}

/// What the operation reads, changes, or has a rule for.
Places places_of(const Operation& operation, const State& common) {
  const auto known_index = [&](const std::string& table, const std::string& name) {
    const auto* known = common.find(table);
    return known ? find_index(*known, name) : nullptr;
  };
  const auto known_check = [&](const std::string& table, const std::string& name) {
    const auto* known = common.find(table);
    return known ? find_check(*known, name) : nullptr;
  };
  return std::visit(
      Overloaded{
          [](const CreateTable& op) { return Places{plain(op.table.name)}; },
          [](const DropTable& op) { return Places{plain(op.table)}; },
          [](const RenameTable& op) {
            return Places{plain(op.from), plain(op.to)};
          },
          [](const MoveTable&) { return Places(); },
          [](const AlterTable&) { return Places(); },
          [](const AlterRowSecurity&) { return Places(); },  // migrations see all rows
          [](const AddColumn& op) { return Places{column(op.table, op.column.name)}; },
          [](const DropColumn& op) { return Places{column(op.table, op.column)}; },
          [](const AlterColumn& op) { return Places{column(op.table, op.column.name)}; },
          [](const RenameColumn& op) {
            return Places{column(op.table, op.from), column(op.table, op.to)};
          },
          [](const ExpandColumn& op) {
            return Places{column(op.table, op.from), column(op.table, op.column.name)};
          },
          [](const ContractColumn& op) {
            return Places{column(op.table, op.from), column(op.table, op.to)};
          },
          [](const CreateIndex& op) { return of_index(op.table, &op.index); },
          [&](const DropIndex& op) { return of_index(op.table, known_index(op.table, op.index)); },
          [](const RenameIndex&) { return Places(); },
          [](const AddCheck& op) { return of_check(op.table, &op.check); },
          [&](const DropCheck& op) { return of_check(op.table, known_check(op.table, op.check)); },
          [](const Backfill& op) { return rows_of(op); },
          [](const RunSql& op) { return declared(op.touches); },
          [](const CallFunction& op) { return declared(op.touches); },
      },
      operation);
}

bool is_data_step(const Operation& operation) {
  return std::holds_alternative<Backfill>(operation) || std::holds_alternative<RunSql>(operation) ||
         std::holds_alternative<CallFunction>(operation);
}

/// A table, and a part of it.
bool overlap(const std::string& a, const std::string& b) {
  const auto is_part = [](const std::string& part, const std::string& whole) {
    return part.size() > whole.size() && part.starts_with(whole) && part[whole.size()] == '.';
  };
  return a == b || is_part(a, b) || is_part(b, a);
}

}  // namespace

bool says_nothing(const Operation& operation) {
  const auto* sql = std::get_if<RunSql>(&operation);
  const auto* call = std::get_if<CallFunction>(&operation);
  return (sql && !sql->touches) || (call && !call->touches);
}

bool contradict(const Operation& a, const Operation& b, const State& common) {
  if (!is_data_step(a) && !is_data_step(b)) return false;
  if (says_nothing(a) || says_nothing(b)) return true;
  const auto places = places_of(a, common);
  const auto others = places_of(b, common);
  return std::ranges::any_of(places, [&](const std::string& one) {
    return std::ranges::any_of(others, [&](const std::string& other) { return overlap(one, other); });
  });
}

}  // namespace mpf::migrate
