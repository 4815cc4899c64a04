#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/value_rows.hpp"
#include "orm/values.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

namespace {

constexpr Sql::Alias root{0};

[[noreturn]] void throw_changed(const ModelInfo& model, std::int64_t id) {
  throw Error(ErrorKind::conflict,
              fmt::format("{} {} was not updated: it has changed since it was read", model.table.name, id),
              "Somebody else has changed this meanwhile");
}

}  // namespace

/// The row as the scope has it now, for the message about an update that found nothing.
bool row_is_there(const ScopeData& scope, const ModelInfo& model, Id id) {
  Sql sql(scope);
  sql << "SELECT 1 FROM ";
  sql.name(model.table.name) << " ";
  sql.alias(root) << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_tenant_condition(sql, root, model, writing(scope));
  bool found = false;
  scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row&) { found = true; });
  return found;
}

void update_row(const ScopeData& scope, const ModelInfo& model, void* object,
                std::span<const std::string_view> members) {
  if (model.base) return update_extended(scope, model, {object, 1, 0}, members, false);
  update_own_row(scope, model, object, members);
}

void update_own_row(const ScopeData& scope, const ModelInfo& model, void* object,
                    std::span<const std::string_view> members) {
  const Id id = id_in(model, model.id, object);
  if (!id) {
    throw Error(ErrorKind::internal,
                fmt::format("update(): a row of {} has no id: insert() it first", model.table.name));
  }
  refuse_foreign_row(scope, model, object);
  set_automatic_fields(scope, model, object, scope.clock->now(), false);
  std::vector<FieldError> errors;
  std::vector<Written> values;
  for (const std::size_t column : columns_to_update(model, members)) {
    values.push_back({column, checked_value(model, column, object, "", errors)});
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  const std::size_t version = version_column(model);
  if (values.empty() && version == no_column) {
    if (!row_is_there(scope, model, id)) throw_no_row(model, id);
    return;
  }

  Sql sql(scope);
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
  write_tenant_condition(sql, root, model, writing(scope));
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
  bool updated = false;
  recording(scope, model, [&](Recorder* recorder) {
    if (recorder) recorder->before(std::vector{id.value});
    updated = scope.db->execute(std::move(sql).take(db::Access::write)) > 0;
    if (recorder && updated) recorder->after(std::vector{id.value});
  });
  if (updated) {
    if (version != no_column) {
      model.columns[version].set(object, std::get<std::int64_t>(model.columns[version].get(object)) + 1);
    }
    return;
  }
  if (!row_is_there(scope, model, id)) throw_no_row(model, id);
  explain_references(scope, model, values, object);
  throw_changed(model, id.value);
}

bool retire_row(const ScopeData& scope, const ModelInfo& model, Id id, bool retired) {
  if (model.retired == no_column && has_retired_base(model)) {
    return row_is_there(scope, model, id) && retire_row(scope, model.base(), id, retired);
  }
  if (model.retired == no_column) {
    throw Error(ErrorKind::internal, fmt::format("{} has no field that is orm::retired", model.type_name));
  }
  Sql sql(scope);
  const Timestamp now = scope.clock->now();
  sql << "UPDATE ";
  sql.name(model.table.name) << " AS ";
  sql.alias(root) << " SET ";
  sql.name(column_name_at(model, model.retired)) << " = ";
  if (retired) {
    sql.bind(now);
  } else {
    sql << "NULL";
  }
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!model.columns[i].auto_now && !model.columns[i].row_version) continue;
    sql << ", ";
    sql.name(column_name_at(model, i)) << " = ";
    if (model.columns[i].auto_now) {
      sql.bind(now);
    } else {
      sql.column(root, column_name_at(model, i)) << " + 1";
    }
  }
  sql << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  sql << " AND ";
  sql.column(root, column_name_at(model, model.retired)) << (retired ? " IS NULL" : " IS NOT NULL");
  write_tenant_condition(sql, root, model, writing(scope));
  bool done = false;
  recording(scope, model, [&](Recorder* recorder) {
    if (recorder) recorder->before(std::vector{id.value});
    done = scope.db->execute(std::move(sql).take(db::Access::write)) > 0;
    if (recorder && done) recorder->after(std::vector{id.value});
  });
  return done;
}

std::vector<std::string_view> changed_members(const ModelInfo& model, const void* before, const void* after) {
  std::vector<std::string_view> members;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    const ColumnInfo& column = model.columns[i];
    if (i == model.id || i == model.site || i == model.provider || i == model.kind) continue;
    if (column.row_version || column.auto_now || column.auto_now_add || column.generated) continue;
    if (!(column.get(before) == column.get(after))) members.push_back(column.member);
  }
  if (!model.base) return members;
  const auto part = [&model](const void* object) {
    return model.as_base(const_cast<void*>(object));  // NOLINT: only read
  };
  for (const std::string_view member : changed_members(model.base(), part(before), part(after))) {
    members.push_back(member);
  }
  return members;
}

namespace {

/// UPDATE … FROM a list of rows: each row gets its own values, by its id.
class ManyUpdate {
 public:
  ManyUpdate(const ScopeData& scope, const ModelInfo& model, std::vector<std::size_t> columns)
      : scope_(scope), model_(model), columns_(std::move(columns)), version_(version_column(model)) {}

  struct Done {
    std::size_t rows;                   ///< that were tried
    std::vector<std::int64_t> updated;  ///< their ids
  };
  /// As many as go into one statement.
  Done run(Objects objects, std::size_t first) const {
    RowValues values{model_, {model_.id}, objects.count, {}};
    if (version_ != no_column) values.columns.push_back(version_);
    values.columns.insert(values.columns.end(), columns_.begin(), columns_.end());
    values.value = [&](std::size_t row, std::size_t i) {
      return model_.columns[values.columns[i]].get(objects[row]);
    };
    Sql sql(scope_);
    // The names of the columns of a list of values differ, so they come from a SELECT.
    sql << "WITH new_values (row_id";
    if (version_ != no_column) sql << ", row_version";
    for (std::size_t i = 0; i < columns_.size(); ++i) sql << ", v" << std::to_string(i);
    sql << ") AS (";
    Done done{write_rows(sql, values, first), {}};
    sql << ") UPDATE ";
    sql.name(model_.table.name) << " AS ";
    sql.alias(root) << " SET ";
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) sql << ", ";
      sql.name(column_name_at(model_, columns_[i])) << " = new_values.v" << std::to_string(i);
    }
    if (version_ != no_column) {
      sql << (columns_.empty() ? "" : ", ");
      sql.name(column_name_at(model_, version_)) << " = ";
      sql.column(root, column_name_at(model_, version_)) << " + 1";
    }
    sql << " FROM new_values WHERE ";
    sql.column(root, column_name_at(model_, model_.id)) << " = new_values.row_id";
    if (version_ != no_column) {
      sql << " AND ";
      sql.column(root, column_name_at(model_, version_)) << " = new_values.row_version";
    }
    write_tenant_condition(sql, root, model_, writing(scope_));
    sql << " RETURNING ";
    if (sql.sqlite()) {
      sql.name(column_name_at(model_, model_.id));
    } else {
      sql.column(root, column_name_at(model_, model_.id));
    }
    done.updated.reserve(done.rows);
    scope_.db->execute(std::move(sql).take(db::Access::write),
                       [&](const db::Row& row) { done.updated.push_back(row.integer(0)); });
    return done;
  }

 private:
  const ScopeData& scope_;
  const ModelInfo& model_;
  std::vector<std::size_t> columns_;
  std::size_t version_;
};

/// The message is about the row itself where the scope has none, as in update().
void check_references_of_rows(const ScopeData& scope, const ModelInfo& model, Objects objects,
                              std::span<const std::int64_t> ids) {
  try {
    check_references(scope, model, objects);
  } catch (const ValidationError&) {
    Sql sql(scope);
    sql << "SELECT ";
    sql.column(root, column_name_at(model, model.id)) << " FROM ";
    sql.name(model.table.name) << " ";
    sql.alias(root) << " WHERE ";
    sql.column(root, column_name_at(model, model.id));
    sql.is_one_of(ids);
    write_tenant_condition(sql, root, model, writing(scope));
    std::vector<std::int64_t> there;
    scope.db->execute(std::move(sql).take(db::Access::read),
                      [&](const db::Row& row) { there.push_back(row.integer(0)); });
    std::ranges::sort(there);
    for (const std::int64_t id : ids) {
      if (!std::ranges::binary_search(there, id)) throw_no_row(model, Id(id));
    }
    throw;
  }
}

}  // namespace

void update_rows(const ScopeData& scope, const ModelInfo& model, Objects objects,
                 std::span<const std::string_view> members) {
  if (objects.count == 0) return;
  if (model.base) return update_extended(scope, model, objects, members, true);
  update_own_rows(scope, model, objects, members);
}

void update_own_rows(const ScopeData& scope, const ModelInfo& model, Objects objects,
                     std::span<const std::string_view> members) {
  const std::vector<std::size_t> columns = columns_to_update(model, members);
  std::vector<FieldError> errors;
  std::vector<std::int64_t> ids;
  ids.reserve(objects.count);
  const Timestamp now = scope.clock->now();
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    const Id id = id_in(model, model.id, objects[i]);
    if (!id) {
      throw Error(ErrorKind::internal,
                  fmt::format("update_many(): row [{}] of {} has no id", i, model.table.name));
    }
    ids.push_back(id.value);
    refuse_foreign_row(scope, model, objects[i]);
    set_automatic_fields(scope, model, objects[i], now, false);
    const std::string prefix = fmt::format("[{}].", i);
    for (const std::size_t column : columns) checked_value(model, column, objects[i], prefix, errors);
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  std::vector<std::int64_t> sorted = ids;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) {
    throw Error(ErrorKind::internal,
                fmt::format("update_many(): a row of {} is given twice", model.table.name));
  }
  const ManyUpdate update(scope, model, columns);
  const std::size_t version = version_column(model);
  scope.db->transaction([&](db::Transaction&) {
    const bool refers = std::ranges::any_of(
        columns, [&](std::size_t column) { return column_needs_check(scope, model, column); });
    if (refers) check_references_of_rows(scope, model, objects, ids);
    recording(scope, model, [&](Recorder* recorder) {
      if (recorder) recorder->before(ids);
      for (std::size_t first = 0, end = 0; first < objects.count; first = end) {
        auto [rows, updated] = update.run(objects, first);
        end = first + rows;
        if (updated.size() == rows) continue;
        std::ranges::sort(updated);
        for (std::size_t i = first; i < end; ++i) {
          if (std::ranges::binary_search(updated, ids[i])) continue;
          if (!row_is_there(scope, model, Id(ids[i]))) throw_no_row(model, Id(ids[i]));
          throw_changed(model, ids[i]);
        }
      }
      if (recorder) recorder->after(ids);
    });
  });
  if (version == no_column) return;
  for (std::size_t i = 0; i < objects.count; ++i) {
    const db::Param before = model.columns[version].get(objects[i]);
    model.columns[version].set(objects[i], std::get<std::int64_t>(before) + 1);
  }
}

}  // namespace mpf::orm::detail
