#include <algorithm>
#include <string>
#include <unordered_map>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/value_rows.hpp"
#include "orm/values.hpp"
#include "orm/write.hpp"

/// Rows that may be there already, told by a unique set of the model.
namespace mpf::orm::detail {

namespace {

void write_names(Sql& sql, const ModelInfo& model, const std::vector<std::size_t>& columns) {
  for (const std::size_t& column : columns) {
    if (&column != columns.data()) sql << ", ";
    sql.name(column_name_at(model, column));
  }
}

/// " ON CONFLICT (…) DO UPDATE SET …": everything that update() would write, in rows of the same tenant.
void write_upsert(Sql& sql, const ScopeData& scope, const ModelInfo& model,
                  const std::vector<std::size_t>& key) {
  write_conflict_target(sql, model, key);
  sql << " DO UPDATE SET ";
  bool first = true;
  const auto separate = [&] {
    if (!first) sql << ", ";
    first = false;
  };
  for (const std::size_t column : columns_to_update(model, {})) {
    if (std::ranges::find(key, column) != key.end() || column == model.retired) continue;
    separate();
    sql.name(column_name_at(model, column)) << " = excluded.";
    sql.name(column_name_at(model, column));
  }
  if (const std::size_t version = version_column(model); version != no_column) {
    separate();
    sql.name(column_name_at(model, version)) << " = ";
    sql.name(model.table.name) << ".";
    sql.name(column_name_at(model, version)) << " + 1";
  }
  if (first) {  // nothing to change, but the row is to be told
    sql.name(column_name_at(model, key.front())) << " = excluded.";
    sql.name(column_name_at(model, key.front()));
  }
  if (scope.left_out == LeftOut::everything || scope.left_out == LeftOut::writes) return;
  bool all = true;
  for (const std::size_t tenant : {model.site, model.provider}) {
    if (tenant == no_column || tenant == model.id) continue;
    sql << (all ? " WHERE " : " AND ");
    all = false;
    sql.name(model.table.name) << ".";
    sql.name(column_name_at(model, tenant))
        << (sql.sqlite() ? " IS " : " IS NOT DISTINCT FROM ") << "excluded.";
    sql.name(column_name_at(model, tenant));
  }
}

RowValues new_rows(const ModelInfo& model, const std::vector<std::vector<Written>>& rows) {
  RowValues values{
      model, {}, rows.size(), [&rows](std::size_t row, std::size_t i) { return rows[row][i].value; }};
  for (const Written& each : rows.front()) values.columns.push_back(each.column);
  return values;
}

/// The rows of an upsert by their keys, which no two of them share.
class RowsByKey {
 public:
  /// Throws ValidationError for a key that is there twice.
  RowsByKey(const ModelInfo& model, const std::vector<std::size_t>& key,
            const std::vector<std::vector<Written>>& rows)
      : model_(model), key_(key) {
    rows_.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      std::string text;
      for (const std::size_t column : key) {
        const auto written = std::ranges::find(rows[row], column, &Written::column);
        append(text, written->value);
      }
      const auto [same, added] = rows_.try_emplace(std::move(text), row);
      if (added) continue;
      throw ValidationError(fmt::format("[{}].{}", row, model.columns[key.back()].member), "unique",
                            fmt::format("is the same as in [{}]", same->second));
    }
  }

  /// Which one it is that a statement gave back, its key beginning at that column.
  std::size_t find(const db::Row& row, std::size_t first_column) const {
    std::string text;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      append(text, read_value(row, first_column + i, model_.table.columns[key_[i]]));
    }
    const auto found = rows_.find(text);
    if (found == rows_.end()) throw_not_settled(model_);
    return found->second;
  }

 private:
  static void append(std::string& key, const db::Param& value) {
    const std::string text = param_text(value);
    key += std::to_string(text.size());
    key += std::holds_alternative<std::nullptr_t>(value) ? '-' : ':';
    key += text;
  }

  const ModelInfo& model_;
  const std::vector<std::size_t>& key_;
  std::unordered_map<std::string, std::size_t> rows_;
};

/// Takes over what the database made of rows: ids, versions, times of creation. It gives them back in an
/// order of its own, so each with its key.
class ReadBack {
 public:
  ReadBack(const ModelInfo& model, const std::vector<std::size_t>& key) : model_(model), key_(key) {
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      const ColumnInfo& column = model.columns[i];
      if (i == model.id || column.row_version || column.auto_now_add) columns_.push_back(i);
    }
  }

  void write(Sql& sql) const {
    sql << " RETURNING ";
    write_names(sql, model_, columns_);
    sql << ", ";
    write_names(sql, model_, key_);
  }

  std::size_t first_of_key() const { return columns_.size(); }

  void read(const db::Row& row, void* object) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const ColumnInfo& column = model_.columns[columns_[i]];
      if (column.auto_now_add) {
        column.set(object, row.timestamp(i));
      } else {
        column.set(object, row.integer(i));
      }
    }
  }

 private:
  const ModelInfo& model_;
  const std::vector<std::size_t>& key_;
  std::vector<std::size_t> columns_;
};

}  // namespace

void refuse_same_keys(const ModelInfo& model, const std::vector<std::size_t>& key,
                      const std::vector<std::vector<Written>>& rows) {
  static_cast<void>(RowsByKey(model, key, rows));
}

void upsert_rows(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key) {
  if (objects.count == 0) return;
  if (model.base) return upsert_extended(scope, model, objects, key);
  const std::vector<std::size_t> columns = unique_columns(model, key);
  std::vector<FieldError> errors;
  std::vector<std::vector<Written>> rows;
  rows.reserve(objects.count);
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    const std::string prefix = objects.count == 1 ? std::string() : fmt::format("[{}].", i);
    rows.push_back(prepare_new(scope, model, objects[i], prefix, errors));
    refuse_absent_keys(model, columns, objects[i], prefix);
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  const RowsByKey by_key(model, columns, rows);
  const ReadBack back(model, columns);
  const auto run = [&](Recorder* recorder) {
    for (std::size_t first = 0, end = 0; first < objects.count; first = end) {
      Sql sql(scope);
      write_insert_head(sql, model);
      end = first + write_rows(sql, new_rows(model, rows), first);
      for (std::size_t i = first; recorder && i < end; ++i) recorder->before_key(columns, objects[i]);
      write_upsert(sql, scope, model, columns);
      back.write(sql);
      std::size_t stored = 0;
      scope.db->execute(std::move(sql).take(db::Access::write), [&](const db::Row& row) {
        // One row is the one, whatever a trigger may have made of its key.
        const std::size_t which = objects.count == 1 ? 0 : by_key.find(row, back.first_of_key());
        back.read(row, objects[which]);
        ++stored;
      });
      if (stored != end - first) throw_not_settled(model);
    }
    if (!recorder) return;
    std::vector<std::int64_t> ids;
    for (std::size_t i = 0; i < objects.count; ++i) ids.push_back(id_in(model, model.id, objects[i]).value);
    recorder->after(ids);
  };
  bool looked_at = false;
  for (std::size_t c = 0; c < model.columns.size(); ++c) {
    looked_at = looked_at || column_needs_check(scope, model, c);
  }
  // One statement is all or none by itself, unless a row of another tenant can be in the way of one of them.
  const auto tells_tenant = [&](std::size_t column) {
    return column == model.site || column == model.provider;
  };
  const bool has_tenant = model.site != no_column || model.provider != no_column;
  const bool whole = objects.count == 1 || !has_tenant || std::ranges::any_of(columns, tells_tenant);
  const bool one_statement = objects.count <= rows_per_statement(model.columns.size());
  if (one_statement && whole && !looked_at && !model.change_log) return run(nullptr);
  try {
    scope.db->transaction([&](db::Transaction&) {
      check_references(scope, model, objects);
      recording(scope, model, run);
    });
  } catch (...) {
    for (std::size_t i = 0; i < objects.count; ++i) model.columns[model.id].set(objects[i], std::int64_t{0});
    throw;
  }
}

std::uint64_t insert_missing_rows(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key) {
  if (objects.count == 0) return 0;
  const std::vector<std::size_t> columns = unique_columns(model, key);
  std::vector<FieldError> errors;
  std::vector<std::vector<Written>> rows;
  rows.reserve(objects.count);
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    rows.push_back(prepare_new(scope, model, objects[i], fmt::format("[{}].", i), errors));
    refuse_absent_keys(model, columns, objects[i], fmt::format("[{}].", i));
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  std::vector<std::int64_t> added;
  scope.db->transaction([&](db::Transaction&) {
    check_references(scope, model, objects);
    recording(scope, model, [&](Recorder* recorder) {
      for (std::size_t first = 0; first < objects.count;) {
        Sql sql(scope);
        write_insert_head(sql, model);
        first += write_rows(sql, new_rows(model, rows), first);
        write_conflict_target(sql, model, columns);
        sql << " DO NOTHING";
        write_returning(sql, model);
        scope.db->execute(std::move(sql).take(db::Access::write),
                          [&](const db::Row& row) { added.push_back(row.integer(0)); });
      }
      if (recorder) recorder->added(added);
    });
  });
  return added.size();
}

}  // namespace mpf::orm::detail
