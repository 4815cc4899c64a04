#include <algorithm>
#include <functional>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/values.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

void write_insert_head(Sql& sql, const ModelInfo& model) {
  sql << "INSERT INTO ";
  sql.name(model.table.name) << " (";
  bool first = true;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!is_inserted(model, i)) continue;
    if (!first) sql << ", ";
    first = false;
    sql.name(column_name_at(model, i));
  }
  if (first) sql.name(column_name_at(model, model.id));  // a model that is nothing but its id
  sql << ") ";
}

void write_returning(Sql& sql, const ModelInfo& model) {
  sql << " RETURNING ";
  sql.name(column_name_at(model, model.id));
}

namespace {

void write_values(Sql& sql, const std::vector<Written>& values) {
  if (values.empty()) sql << "NULL";
  for (const Written& written : values) {
    if (&written != values.data()) sql << ", ";
    sql.bind(written.value);
  }
}

/// What stands after the values, or nothing.
using Ending = std::function<void(Sql&)>;

/// The new row's id; none when the database gave none.
Id store(const ScopeData& scope, const ModelInfo& model, const std::vector<Written>& values,
         const void* object, const Ending& ending) {
  Sql sql(scope);
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
  if (ending) ending(sql);
  write_returning(sql, model);
  Id id;
  scope.db->execute(std::move(sql).take(db::Access::write),
                    [&](const db::Row& row) { id = Id(row.integer(0)); });
  return id;
}

}  // namespace

void insert_row(const ScopeData& scope, const ModelInfo& model, void* object) {
  if (model.base) return insert_extended(scope, model, {object, 1, 0}, false);
  insert_own_row(scope, model, object);
}

void insert_own_row(const ScopeData& scope, const ModelInfo& model, void* object) {
  std::vector<FieldError> errors;
  const std::vector<Written> values = prepare_new(scope, model, object, "", errors);
  if (!errors.empty()) throw ValidationError(std::move(errors));
  Id id;
  recording(scope, model, [&](Recorder* recorder) {
    id = store(scope, model, values, object, {});
    if (id && recorder) recorder->added(std::vector{id.value});
  });
  if (!id) {
    explain_references(scope, model, values, object);
    throw Error(
        ErrorKind::conflict,
        fmt::format("a row of {} was not stored: what it refers to changed meanwhile", model.table.name));
  }
  model.columns[model.id].set(object, id.value);
}

bool insert_new_row(const ScopeData& scope, const ModelInfo& model, void* object, Key key) {
  if (model.base) return insert_new_extended(scope, model, object, key);
  return insert_new_own_row(scope, model, object, key);
}

bool insert_new_own_row(const ScopeData& scope, const ModelInfo& model, void* object, Key key) {
  const std::vector<std::size_t> columns = unique_columns(model, key);
  std::vector<FieldError> errors;
  const std::vector<Written> values = prepare_new(scope, model, object, "", errors);
  if (!errors.empty()) throw ValidationError(std::move(errors));
  refuse_absent_keys(model, columns, object, "");
  Id id;
  recording(scope, model, [&](Recorder* recorder) {
    id = store(scope, model, values, object, [&](Sql& sql) {
      write_conflict_target(sql, model, columns);
      sql << " DO NOTHING";
    });
    if (id && recorder) recorder->added(std::vector{id.value});
  });
  if (!id) {
    explain_references(scope, model, values, object);
    return false;
  }
  model.columns[model.id].set(object, id.value);
  return true;
}

namespace {

/// A few rows: fewer round trips than the bulk way takes.
constexpr std::size_t few_rows = 64;

void insert_few(const ScopeData& scope, const ModelInfo& model, Objects objects,
                const std::vector<std::vector<Written>>& rows, std::vector<std::int64_t>& ids) {
  const std::size_t chunk = rows_per_statement(model.columns.size());
  for (std::size_t first = 0; first < objects.count; first += chunk) {
    Sql sql(scope);
    write_insert_head(sql, model);
    sql << "VALUES ";
    const std::size_t end = std::min(objects.count, first + chunk);
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
}

}  // namespace

void insert_rows(const ScopeData& scope, const ModelInfo& model, Objects objects) {
  if (objects.count == 0) return;
  if (model.base) return insert_extended(scope, model, objects, true);
  insert_own_rows(scope, model, objects);
}

void insert_own_rows(const ScopeData& scope, const ModelInfo& model, Objects objects) {
  if (objects.count > few_rows) return insert_many_rows(scope, model, objects);
  std::vector<FieldError> errors;
  std::vector<std::vector<Written>> rows;
  rows.reserve(objects.count);
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    rows.push_back(prepare_new(scope, model, objects[i], fmt::format("[{}].", i), errors));
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  std::vector<std::int64_t> ids;
  ids.reserve(objects.count);
  scope.db->transaction([&](db::Transaction&) {
    check_references(scope, model, objects);
    recording(scope, model, [&](Recorder* recorder) {
      insert_few(scope, model, objects, rows, ids);
      if (recorder) recorder->added(ids);
    });
  });
  if (model.base) return;  // the base's rows have given them
  for (std::size_t i = 0; i < objects.count; ++i) model.columns[model.id].set(objects[i], ids[i]);
}

}  // namespace mpf::orm::detail
