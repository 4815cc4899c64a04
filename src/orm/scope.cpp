#include <mpf/orm/scope.hpp>

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "orm/sql.hpp"
#include "orm/tenancy.hpp"
#include "orm/values.hpp"

namespace mpf::orm::detail {

namespace {

constexpr Sql::Alias root{0};

std::string_view column_name_at(const ModelInfo& model, std::size_t column) {
  return model.table.columns[column].name;
}

/// A column with the value to be written, and the row that it must be able to refer to.
struct Written {
  std::size_t column;
  db::Param value;
};

/// Whether a reference's target has to be looked at: not where it is the scope's own tenant, nor where only
/// the database's foreign key can say anything.
bool needs_check(const ScopeData& scope, const ModelInfo& model, const Written& written) {
  if (!model.columns[written.column].target || !std::holds_alternative<std::int64_t>(written.value))
    return false;
  if (written.column == model.site) return scope.kind == ScopeKind::provider;
  return written.column != model.provider;
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

/// After a write touched nothing: throws for the reference that was at fault, if one was.
void explain_references(const ScopeData& scope, const ModelInfo& model, const std::vector<Written>& values,
                        const void* object) {
  for (const Written& written : values) {
    if (!needs_check(scope, model, written)) continue;
    Sql sql(scope.db->dialect());
    sql << "SELECT 1 WHERE ";
    write_reference_exists(sql, 1, model.columns[written.column].target(), written.value, scope,
                           owner_values(model, object));
    bool found = false;
    scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row&) { found = true; });
    if (!found) throw_bad_reference(model, written.column, Id(std::get<std::int64_t>(written.value)), "");
  }
}

void set_automatic_fields(const ScopeData& scope, const ModelInfo& model, void* object, bool is_new) {
  const Timestamp now = scope.clock->now();
  for (const ColumnInfo& column : model.columns) {
    if (column.auto_now || (column.auto_now_add && is_new)) column.set(object, now);
    if (column.row_version && is_new) column.set(object, std::int64_t{1});
  }
}

/// The values of a new row, its tenant and automatic fields set.
std::vector<Written> prepare_new(const ScopeData& scope, const ModelInfo& model, void* object,
                                 std::string_view prefix, std::vector<FieldError>& errors) {
  if (id_in(model, model.id, object)) {
    throw Error(ErrorKind::internal, fmt::format("insert(): a row of {} has an id already: {}",
                                                 model.table.name, id_in(model, model.id, object).value));
  }
  adopt_row(scope, model, object);
  set_automatic_fields(scope, model, object, true);
  std::vector<Written> values;
  values.reserve(model.columns.size());
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (i != model.id && !model.columns[i].generated)
      values.push_back({i, checked_value(model, i, object, prefix, errors)});
  }
  return values;
}

void write_insert_head(Sql& sql, const ModelInfo& model) {
  sql << "INSERT INTO ";
  sql.name(model.table.name) << " (";
  bool first = true;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (i == model.id || model.columns[i].generated) continue;
    if (!first) sql << ", ";
    first = false;
    sql.name(column_name_at(model, i));
  }
  if (first) sql.name(column_name_at(model, model.id));  // a model that is nothing but its id
  sql << ") ";
}

void write_values(Sql& sql, const std::vector<Written>& values) {
  if (values.empty()) sql << "NULL";
  for (const Written& written : values) {
    if (&written != values.data()) sql << ", ";
    sql.bind(written.value);
  }
}

void write_returning(Sql& sql, const ModelInfo& model) {
  sql << " RETURNING ";
  sql.name(column_name_at(model, model.id));
}

}  // namespace

void insert_row(const ScopeData& scope, const ModelInfo& model, void* object) {
  std::vector<FieldError> errors;
  const std::vector<Written> values = prepare_new(scope, model, object, "", errors);
  if (!errors.empty()) throw ValidationError(std::move(errors));
  Sql sql(scope.db->dialect());
  write_insert_head(sql, model);
  const OwnerRow owner = owner_values(model, object);
  std::size_t checks = 0;
  for (const Written& written : values) {
    if (!needs_check(scope, model, written)) continue;
    // The row comes from a SELECT that gives it only if everything that it refers to may be referred to.
    if (checks == 0) {
      sql << "SELECT ";
      write_values(sql, values);
    }
    sql << (checks == 0 ? " WHERE " : " AND ");
    write_reference_exists(sql, ++checks, model.columns[written.column].target(), written.value, scope,
                           owner);
  }
  if (checks == 0) {
    sql << "VALUES (";
    write_values(sql, values);
    sql << ")";
  }
  write_returning(sql, model);
  Id id;
  scope.db->execute(std::move(sql).take(db::Access::write),
                    [&](const db::Row& row) { id = Id(row.integer(0)); });
  if (!id) {
    explain_references(scope, model, values, object);
    throw Error(
        ErrorKind::conflict,
        fmt::format("a row of {} was not stored: what it refers to changed meanwhile", model.table.name));
  }
  model.columns[model.id].set(object, id.value);
}

namespace {

/// For one reference of many new rows: which ids must exist for which tenant, and who asks first.
using Wanted = std::map<std::pair<std::int64_t, std::int64_t>, std::map<std::int64_t, std::size_t>>;

void check_references_of_many(const ScopeData& scope, const ModelInfo& model, std::size_t column,
                              const std::vector<void*>& objects,
                              const std::vector<std::vector<Written>>& rows) {
  Wanted wanted;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const Written& written : rows[i]) {
      if (written.column != column || !needs_check(scope, model, written)) continue;
      const auto tenant = [&](std::size_t index) {
        return index == no_column ? 0 : id_in(model, index, objects[i]).value;
      };
      wanted[{tenant(model.site), tenant(model.provider)}].try_emplace(std::get<std::int64_t>(written.value),
                                                                       i);
    }
  }
  constexpr std::size_t ids_per_statement = 500;
  const ModelInfo& target = model.columns[column].target();
  for (auto& [tenant, ids] : wanted) {
    const OwnerRow owner = owner_values(model, objects[ids.begin()->second]);
    for (auto next = ids.begin(); next != ids.end();) {
      std::map<std::int64_t, std::size_t> missing;
      Sql sql(scope.db->dialect());
      sql << "SELECT ";
      sql.column(root, column_name_at(target, target.id)) << " FROM ";
      sql.name(target.table.name) << " ";
      sql.alias(root) << " WHERE ";
      sql.column(root, column_name_at(target, target.id)) << " IN (";
      for (; next != ids.end() && missing.size() < ids_per_statement; ++next) {
        if (!missing.empty()) sql << ", ";
        sql.bind(next->first);
        missing.insert(*next);
      }
      sql << ")";
      write_reference_condition(sql, root, target, scope, owner);
      scope.db->execute(std::move(sql).take(db::Access::read),
                        [&](const db::Row& row) { missing.erase(row.integer(0)); });
      if (missing.empty()) continue;
      const auto& [id, row] = *missing.begin();
      throw_bad_reference(model, column, Id(id), fmt::format("[{}].", row));
    }
  }
}

}  // namespace

void insert_rows(const ScopeData& scope, const ModelInfo& model, void* objects, std::size_t count,
                 std::size_t stride) {
  if (count == 0) return;
  std::vector<FieldError> errors;
  std::vector<void*> addresses;
  std::vector<std::vector<Written>> rows;
  addresses.reserve(count);
  rows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    void* const object = static_cast<std::byte*>(objects) + i * stride;
    addresses.push_back(object);
    rows.push_back(prepare_new(scope, model, object, fmt::format("[{}].", i), errors));
    if (errors.size() >= 20) break;
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));

  constexpr std::size_t rows_per_statement = 250;
  constexpr std::size_t most_parameters = 30'000;  // SQLite takes 32,766
  const std::size_t chunk = std::clamp<std::size_t>(
      most_parameters / std::max<std::size_t>(model.columns.size(), 1), 1, rows_per_statement);
  std::vector<std::int64_t> ids;
  ids.reserve(count);
  scope.db->transaction([&](db::Transaction&) {
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      if (model.columns[i].target) check_references_of_many(scope, model, i, addresses, rows);
    }
    for (std::size_t first = 0; first < count; first += chunk) {
      Sql sql(scope.db->dialect());
      write_insert_head(sql, model);
      sql << "VALUES ";
      const std::size_t end = std::min(count, first + chunk);
      for (std::size_t i = first; i < end; ++i) {
        sql << (i == first ? "(" : ", (");
        write_values(sql, rows[i]);
        sql << ")";
      }
      write_returning(sql, model);
      const auto begin = static_cast<std::ptrdiff_t>(ids.size());
      scope.db->execute(std::move(sql).take(db::Access::write),
                        [&](const db::Row& row) { ids.push_back(row.integer(0)); });
      // Ids rise in the order of the rows; the order of RETURNING is not promised.
      std::sort(ids.begin() + begin, ids.end());
    }
  });
  for (std::size_t i = 0; i < count; ++i) model.columns[model.id].set(addresses[i], ids[i]);
}

bool find_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into) {
  Sql sql(scope.db->dialect());
  sql << "SELECT ";
  for (const Column& column : model.table.columns) {
    if (&column != model.table.columns.data()) sql << ", ";
    sql.column(root, column.name);
  }
  sql << " FROM ";
  sql.name(model.table.name) << " ";
  sql.alias(root) << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_scope_condition(sql, root, model, scope);
  bool found = false;
  scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row& row) {
    model.decode(into, row, 0);
    found = true;
  });
  return found;
}

bool remove_row(const ScopeData& scope, const ModelInfo& model, Id id) {
  Sql sql(scope.db->dialect());
  sql << "DELETE FROM ";
  sql.name(model.table.name) << " AS ";
  sql.alias(root) << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_scope_condition(sql, root, model, scope);
  return scope.db->execute(std::move(sql).take(db::Access::write)) > 0;
}

namespace {

std::vector<std::size_t> columns_to_update(const ModelInfo& model,
                                           std::span<const std::string_view> members) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    const ColumnInfo& column = model.columns[i];
    const bool fixed =
        i == model.id || i == model.site || i == model.provider || column.row_version || column.generated;
    const bool named = std::ranges::find(members, column.member) != members.end();
    if (fixed && named) {
      throw Error(ErrorKind::internal, fmt::format("update(): {} is kept by every row", column.spelled));
    }
    if (fixed) continue;
    if (members.empty() ? !column.auto_now_add : named || column.auto_now) columns.push_back(i);
  }
  return columns;
}

/// The row as the scope has it now, for the message about an update that found nothing.
bool row_is_there(const ScopeData& scope, const ModelInfo& model, const void* object) {
  Sql sql(scope.db->dialect());
  sql << "SELECT 1 FROM ";
  sql.name(model.table.name) << " ";
  sql.alias(root) << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id_in(model, model.id, object).value);
  write_scope_condition(sql, root, model, scope);
  bool found = false;
  scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row&) { found = true; });
  return found;
}

}  // namespace

void update_row(const ScopeData& scope, const ModelInfo& model, void* object,
                std::span<const std::string_view> members) {
  const Id id = id_in(model, model.id, object);
  if (!id) {
    throw Error(ErrorKind::internal,
                fmt::format("update(): a row of {} has no id: insert() it first", model.table.name));
  }
  refuse_foreign_row(scope, model, object);
  set_automatic_fields(scope, model, object, false);
  std::vector<FieldError> errors;
  std::vector<Written> values;
  for (const std::size_t column : columns_to_update(model, members)) {
    values.push_back({column, checked_value(model, column, object, "", errors)});
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  std::size_t version = no_column;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (model.columns[i].row_version) version = i;
  }
  if (values.empty() && version == no_column) {
    if (!row_is_there(scope, model, object)) throw_no_row(model, id);
    return;
  }

  Sql sql(scope.db->dialect());
  sql << "UPDATE ";
  sql.name(model.table.name) << " AS ";
  sql.alias(root) << " SET ";
  for (const Written& written : values) {
    if (&written != values.data()) sql << ", ";
    sql.name(column_name_at(model, written.column)) << " = ";
    sql.bind(written.value);
  }
  if (version != no_column) {
    if (!values.empty()) sql << ", ";
    sql.name(column_name_at(model, version)) << " = ";
    sql.column(root, column_name_at(model, version)) << " + 1";
  }
  sql << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_scope_condition(sql, root, model, scope);
  for (const std::size_t tenant : {model.site, model.provider}) {
    if (tenant == no_column || id_in(model, tenant, object).value == 0) continue;
    sql << " AND ";  // a row never moves to another tenant
    sql.column(root, column_name_at(model, tenant)) << " = ";
    sql.bind(id_in(model, tenant, object).value);
  }
  if (version != no_column) {
    sql << " AND ";
    sql.column(root, column_name_at(model, version)) << " = ";
    sql.bind(model.columns[version].get(object));
  }
  const OwnerRow owner = owner_columns(model, root);
  std::size_t checks = 0;
  for (const Written& written : values) {
    if (!needs_check(scope, model, written)) continue;
    sql << " AND ";
    write_reference_exists(sql, ++checks, model.columns[written.column].target(), written.value, scope,
                           owner);
  }
  if (scope.db->execute(std::move(sql).take(db::Access::write)) > 0) {
    if (version != no_column) {
      model.columns[version].set(object, std::get<std::int64_t>(model.columns[version].get(object)) + 1);
    }
    return;
  }
  if (!row_is_there(scope, model, object)) throw_no_row(model, id);
  explain_references(scope, model, values, object);
  throw Error(
      ErrorKind::conflict,
      fmt::format("{} {} was not updated: it has changed since it was read", model.table.name, id.value),
      "Somebody else has changed this meanwhile");
}

ScopeData site_scope(db::Database& db, Id site, Id provider, const Clock& clock) {
  if (!site || !provider) {
    throw Error(ErrorKind::internal,
                fmt::format("a SiteScope needs a site and its provider, and got {} and {}", site.value,
                            provider.value));
  }
  return {&db, &clock, ScopeKind::site, site, provider};
}

ScopeData provider_scope(db::Database& db, Id provider, const Clock& clock) {
  if (!provider) throw Error(ErrorKind::internal, "a ProviderScope needs a provider");
  return {&db, &clock, ScopeKind::provider, Id(), provider};
}

ScopeData system_scope(db::Database& db, std::string_view reason, const Clock& clock) {
  if (reason.empty()) throw Error(ErrorKind::internal, "a SystemScope needs a reason");
  log::debug("system scope: {}", reason);
  return {&db, &clock, ScopeKind::system, Id(), Id()};
}

}  // namespace mpf::orm::detail
