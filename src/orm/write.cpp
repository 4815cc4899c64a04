#include "orm/write.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/ddl.hpp"
#include "orm/values.hpp"

namespace mpf::orm::detail {

namespace {
constexpr Sql::Alias root{0};
}  // namespace

bool column_needs_check(const ScopeData& scope, const ModelInfo& model, std::size_t column) {
  if (!model.columns[column].target) return false;
  if (column == model.site) return scope.kind == ScopeKind::provider;
  return column != model.provider;
}

bool needs_check(const ScopeData& scope, const ModelInfo& model, const Written& written) {
  return std::holds_alternative<std::int64_t>(written.value) &&
         column_needs_check(scope, model, written.column);
}

void write_reference_exists(Sql& sql, std::size_t number, const ModelInfo& target, const db::Param& id,
                            const ScopeData& scope, const OwnerRow& owner) {
  const Sql::Alias alias{number};
  sql << "EXISTS (SELECT 1 FROM ";
  sql.name(target.table.name) << " ";
  sql.alias(alias) << " WHERE ";
  sql.column(alias, column_name_at(target, target.id)) << " = ";
  sql.bind(id);
  write_reference_condition(sql, alias, target, scope, owner);
  sql << ")";
}

void explain_references(const ScopeData& scope, const ModelInfo& model, const std::vector<Written>& values,
                        const void* object) {
  for (const Written& written : values) {
    if (!needs_check(scope, model, written)) continue;
    Sql sql(scope);
    sql << "SELECT 1 WHERE ";
    write_reference_exists(sql, 1, model.columns[written.column].target(), written.value, scope,
                           owner_values(model, object));
    bool found = false;
    scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row&) { found = true; });
    if (!found) throw_bad_reference(model, written.column, Id(std::get<std::int64_t>(written.value)), "");
  }
}

void set_automatic_fields(const ScopeData& scope, const ModelInfo& model, void* object, Timestamp now,
                          bool is_new) {
  if (is_new && model.kind != no_column) {
    model.columns[model.kind].set(object, std::string(scope.row_kind));
  }
  for (const ColumnInfo& column : model.columns) {
    if (column.auto_now || (column.auto_now_add && is_new)) column.set(object, now);
    if (column.row_version && is_new) column.set(object, std::int64_t{1});
  }
}

std::vector<Written> prepare_new(const ScopeData& scope, const ModelInfo& model, void* object,
                                 std::string_view prefix, std::vector<FieldError>& errors) {
  if (!model.base && id_in(model, model.id, object)) {
    throw Error(ErrorKind::internal, fmt::format("insert(): a row of {} has an id already: {}",
                                                 model.table.name, id_in(model, model.id, object).value));
  }
  adopt_row(scope, model, object);
  set_automatic_fields(scope, model, object, scope.clock->now(), true);
  std::vector<Written> values;
  values.reserve(model.columns.size());
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!is_inserted(model, i)) continue;
    values.push_back({i, checked_value(model, i, object, prefix, errors)});
  }
  return values;
}

namespace {

/// For one reference of many rows: which ids must exist for which tenant, and who asks first.
using Wanted = std::map<std::pair<std::int64_t, std::int64_t>, std::unordered_map<std::int64_t, std::size_t>>;

Wanted wanted_by(const ModelInfo& model, std::size_t column, Objects objects) {
  Wanted wanted;
  const auto tenant = [&](std::size_t index, const void* object) {
    return index == no_column ? 0 : id_in(model, index, object).value;
  };
  // Rows that belong together mostly stand together, and refer to the same.
  std::pair<std::int64_t, std::int64_t> last_owner{-1, -1};
  std::int64_t last_id = 0;
  std::unordered_map<std::int64_t, std::size_t>* ids = nullptr;
  for (std::size_t i = 0; i < objects.count; ++i) {
    const std::int64_t id = id_in(model, column, objects[i]).value;
    if (id == 0) continue;  // null
    const std::pair owner{tenant(model.site, objects[i]), tenant(model.provider, objects[i])};
    if (ids && owner == last_owner && id == last_id) continue;
    if (!ids || owner != last_owner) ids = &wanted[owner];
    last_owner = owner;
    last_id = id;
    ids->try_emplace(id, i);
  }
  return wanted;
}

}  // namespace

void check_references(const ScopeData& scope, const ModelInfo& model, Objects objects) {
  for (std::size_t column = 0; column < model.columns.size(); ++column) {
    if (!column_needs_check(scope, model, column)) continue;
    const ModelInfo& target = model.columns[column].target();
    for (auto& [tenant, wanted] : wanted_by(model, column, objects)) {
      auto missing = wanted;
      std::vector<std::int64_t> ids;
      ids.reserve(missing.size());
      for (const auto& [id, row] : missing) ids.push_back(id);
      Sql sql(scope);
      sql << "SELECT ";
      sql.column(root, column_name_at(target, target.id)) << " FROM ";
      sql.name(target.table.name) << " ";
      sql.alias(root) << " WHERE ";
      sql.column(root, column_name_at(target, target.id));
      sql.is_one_of(ids);
      write_reference_condition(sql, root, target, scope,
                                owner_values(model, objects[missing.begin()->second]));
      scope.db->execute(std::move(sql).take(db::Access::read),
                        [&](const db::Row& row) { missing.erase(row.integer(0)); });
      if (missing.empty()) continue;
      const auto first = std::ranges::min_element(missing, {}, [](const auto& each) { return each.second; });
      throw_bad_reference(model, column, Id(first->first), fmt::format("[{}].", first->second));
    }
  }
}

namespace {

/// Of which unique index these are the columns.
const Index& index_of(const ModelInfo& model, const std::vector<std::size_t>& key) {
  const auto is_it = [&](const Index& index) {
    return index.unique && !index.where && index.expressions.empty() &&
           std::ranges::equal(index.columns, key, {}, {},
                              [&](std::size_t column) { return column_name_at(model, column); });
  };
  return *std::ranges::find_if(model.table.indexes, is_it);
}

}  // namespace

void write_equals(Sql& sql, Sql::Alias table, std::string_view column, const db::Param& value) {
  sql.column(table, column);
  if (std::holds_alternative<std::nullptr_t>(value)) {
    sql << " IS NULL";
  } else {
    sql << " = ";
    sql.bind(value);
  }
}

void write_conflict_target(Sql& sql, const ModelInfo& model, const std::vector<std::size_t>& key) {
  const Index& index = index_of(model, key);
  sql << " ON CONFLICT (";
  for (const std::size_t& column : key) {
    if (&column != key.data()) sql << ", ";
    sql << ddl::index_part(model.table, index, model.table.columns[column].name, sql.dialect());
  }
  sql << ")";
}

void refuse_absent_keys(const ModelInfo& model, const std::vector<std::size_t>& key, const void* object,
                        std::string_view prefix) {
  if (index_of(model, key).nulls_equal) return;
  for (const std::size_t column : key) {
    if (!std::holds_alternative<std::nullptr_t>(model.columns[column].get(object))) continue;
    throw ValidationError(
        std::string(prefix) + std::string(model.columns[column].member), "required",
        fmt::format("is needed to tell which row of {} it is: rows without it are all different, unless "
                    "their unique set is declared with orm::nulls_equal",
                    model.table.name));
  }
}

std::vector<std::size_t> unique_columns(const ModelInfo& model, Key key) {
  std::vector<std::size_t> named;
  for (const std::string_view member : key) named.push_back(model.column_of(member));
  for (const Index& index : model.table.indexes) {
    if (!index.unique || index.where || !index.expressions.empty()) continue;
    std::vector<std::size_t> columns;
    for (const std::string& column : index.columns) columns.push_back(column_named(model, column));
    if (std::ranges::find(columns, model.id) != columns.end()) continue;  // a new row has no id yet
    const auto is_named = [&](std::size_t column) { return std::ranges::find(named, column) != named.end(); };
    const auto is_tenant = [&](std::size_t column) {
      return column == model.site || column == model.provider;
    };
    const bool fits =
        std::ranges::all_of(named,
                            [&](std::size_t c) { return std::ranges::find(columns, c) != columns.end(); }) &&
        std::ranges::all_of(columns, [&](std::size_t c) { return is_named(c) || is_tenant(c); });
    if (fits && !named.empty()) return columns;
  }
  throw_no_unique_set(model, key);
}

std::size_t version_column(const ModelInfo& model) {
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (model.columns[i].row_version) return i;
  }
  return no_column;
}

std::vector<std::size_t> columns_to_update(const ModelInfo& model,
                                           std::span<const std::string_view> members) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    const ColumnInfo& column = model.columns[i];
    const bool fixed = i == model.id || i == model.site || i == model.provider || i == model.kind ||
                       column.row_version || column.generated;
    const bool named = std::ranges::find(members, column.member) != members.end();
    if (fixed && named) {
      throw Error(ErrorKind::internal, fmt::format("update(): {} is kept by every row", column.spelled));
    }
    if (fixed) continue;
    if (members.empty() ? !column.auto_now_add : named || column.auto_now) columns.push_back(i);
  }
  return columns;
}

std::size_t rows_per_statement(std::size_t columns) {
  constexpr std::size_t most_rows = 250;
  constexpr std::size_t most_parameters = 30'000;  // SQLite takes 32,766
  return std::clamp<std::size_t>(most_parameters / std::max<std::size_t>(columns, 1), 1, most_rows);
}

void throw_no_unique_set(const ModelInfo& model, Key key) {
  std::string names;
  for (const std::string_view member : key) names += (names.empty() ? "" : ", ") + std::string(member);
  throw Error(ErrorKind::internal,
              fmt::format("{} has no unique set of these fields: {}", model.type_name, names));
}

void throw_not_settled(const ModelInfo& model) {
  throw Error(
      ErrorKind::conflict,
      fmt::format("a row of {} was neither found nor stored: others keep adding and removing it, or it "
                  "belongs to another tenant",
                  model.table.name),
      "Somebody else has changed this meanwhile");
}

}  // namespace mpf::orm::detail
