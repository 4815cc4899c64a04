#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/db/error.hpp>

#include "orm/write.hpp"

/// Rows of models that extend others, stored unless they are there. Whose they are the unique index of one
/// part decides; the other parts follow in the same transaction.
namespace mpf::orm::detail {

namespace {

/// Leaves a transaction that has to be undone.
struct Taken {};

const void* base_part(const ModelInfo& model, const void* object) {
  return model.as_base(const_cast<void*>(object));  // NOLINT: only read
}

bool has_members(const ModelInfo& model, Key key) {
  return std::ranges::all_of(key, [&](std::string_view member) {
    return std::ranges::find(model.columns, member, &ColumnInfo::member) != model.columns.end();
  });
}

/// " WHERE" for the rows with the key that the scope may change; nothing of them is joined.
void write_key(Sql& sql, const ScopeData& scope, const KeyPart& part, Key key) {
  constexpr Sql::Alias root{0};
  sql << " FROM ";
  sql.name(part.model->table.name) << " ";
  sql.alias(root);
  bool first = true;
  for (const std::size_t column : unique_columns(*part.model, key)) {
    sql << (first ? " WHERE " : " AND ");
    first = false;
    write_equals(sql, root, column_name_at(*part.model, column),
                 part.model->columns[column].get(part.object));
  }
  write_tenant_condition(sql, root, *part.model, writing(scope));
}

/// Of the row that has the key, of whichever kind.
Id id_by_key(const ScopeData& scope, const KeyPart& part, Key key) {
  Sql sql(scope);
  sql << "SELECT ";
  sql.column({0}, column_name_at(*part.model, part.model->id));
  write_key(sql, scope, part, key);
  Id id;
  scope.db->execute(std::move(sql).take(db::Access::write),
                    [&](const db::Row& row) { id = Id(row.integer(0)); });
  return id;
}

/// Throws when the row that has the key is none of the model's.
void refuse_other_kind(const ScopeData& scope, const ModelInfo& model, const KeyPart& keyed, Key key) {
  const Id id = id_by_key(scope, keyed, key);
  if (!id || row_is_there(scope, model, id) || id_by_key(scope, keyed, key) != id) return;
  throw Error(ErrorKind::conflict,
              fmt::format("{} {} has the same values in its unique fields and is no row of {}, which extends "
                          "it: use other values",
                          keyed.model->table.name, id.value, model.table.name),
              "Something of another kind has these values already");
}

/// Locks one part of the row and takes over what the database has made of it; false when it is not there.
bool take_over_part(const ScopeData& scope, const ModelInfo& model, void* object, Id id,
                    const std::function<void(Sql&)>& write_rest) {
  std::vector<std::size_t> columns;
  Sql sql(scope);
  sql << "SELECT 1";
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!model.columns[i].row_version && !model.columns[i].auto_now_add && i != model.kind) continue;
    columns.push_back(i);
    sql << ", ";
    sql.column({0}, column_name_at(model, i));
  }
  write_rest(sql);
  sql << " AND ";
  sql.column({0}, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  if (!sql.sqlite()) sql << " FOR UPDATE";
  bool found = false;
  scope.db->execute(std::move(sql).take(db::Access::write), [&](const db::Row& row) {
    found = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const ColumnInfo& column = model.columns[columns[i]];
      if (columns[i] == model.kind) {
        column.set(object, std::string(row.text(i + 1)));
      } else if (column.auto_now_add) {
        column.set(object, row.timestamp(i + 1));
      } else {
        column.set(object, row.integer(i + 1));
      }
    }
  });
  if (found) model.columns[model.id].set(object, id.value);
  return found;
}

/// The own part first, as update() goes about it. False when the row has lost its key or is gone.
bool take_over(const ScopeData& scope, const ModelInfo& model, void* object, Id id, Key key) {
  const KeyPart keyed = key_part(model, object, key);
  for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
    const bool there = take_over_part(scope, *part, object, id, [&](Sql& sql) {
      if (part == keyed.model) return write_key(sql, scope, keyed, key);
      sql << " FROM ";
      sql.name(part->table.name) << " ";
      sql.alias({0}) << " WHERE TRUE";
    });
    if (!there && part == &model) refuse_other_kind(scope, model, keyed, key);
    if (!there) return false;
    if (part->base) object = part->as_base(object);
  }
  return true;
}

/// What upsert() writes into a row that is there: all but whether it is retired.
std::vector<std::string_view> members_to_update(const ModelInfo& model) {
  std::vector<std::string_view> members;
  for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
    for (const std::size_t column : columns_to_update(*part, {})) {
      if (column != part->retired) members.push_back(part->columns[column].member);
    }
  }
  return members;
}

void upsert_one(const ScopeData& scope, const ModelInfo& model, void* object, Key key) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (const Id id = id_by_key(scope, key_part(model, object, key), key)) {
      if (!take_over(scope, model, object, id, key)) continue;
      return update_row(scope, model, object, members_to_update(model));
    }
    if (insert_new_row(scope, model, object, key)) return;
  }
  throw_not_settled(model);
}

}  // namespace

KeyPart key_part(const ModelInfo& model, const void* object, Key key) {
  std::size_t depth = 0;
  for (const ModelInfo* part = &model;; part = &part->base(), ++depth) {
    if (has_members(*part, key)) return {part, object, depth};
    if (!part->base) throw_no_unique_set(model, key);
    object = base_part(*part, object);
  }
}

bool insert_new_extended(const ScopeData& scope, const ModelInfo& model, void* object, Key key) {
  check_new_extended(scope, model, {object, 1, 0}, false);
  const ScopeData as_part = storing_part_of(scope, model);
  const KeyPart keyed = key_part(model, object, key);
  refuse_absent_keys(*keyed.model, unique_columns(*keyed.model, key), keyed.object, "");
  const auto forget = [&] { model.columns[model.id].set(object, std::int64_t{0}); };
  try {
    scope.db->transaction([&](db::Transaction&) {
      void* const base = model.as_base(object);
      if (keyed.depth == 0) {
        insert_row(as_part, model.base(), base);
        if (!insert_new_own_row(as_part, model, object, key)) throw Taken();
      } else {
        if (!insert_new_row(as_part, model.base(), base, key)) throw Taken();
        insert_own_row(as_part, model, object);
      }
    });
    return true;
  } catch (const Taken&) {
    forget();
    refuse_other_kind(scope, model, keyed, key);
    return false;
  } catch (const db::ConstraintError&) {
    forget();
    // Whoever stored the row meanwhile may have taken other unique values along with it.
    if (!id_by_key(scope, keyed, key)) throw;
    return false;
  } catch (...) {
    forget();
    throw;
  }
}

void upsert_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key) {
  check_new_extended(scope, model, objects, objects.count > 1);
  const ModelInfo& keyed = *key_part(model, objects.first, key).model;
  const std::vector<std::size_t> columns = unique_columns(keyed, key);
  std::vector<std::vector<Written>> keys(objects.count);
  for (std::size_t i = 0; i < objects.count; ++i) {
    const KeyPart part = key_part(model, objects[i], key);
    refuse_absent_keys(keyed, columns, part.object,
                       objects.count == 1 ? std::string() : fmt::format("[{}].", i));
    for (const std::size_t column : columns)
      keys[i].push_back({column, keyed.columns[column].get(part.object)});
  }
  refuse_same_keys(keyed, columns, keys);
  try {
    scope.db->transaction([&](db::Transaction&) {
      for (std::size_t i = 0; i < objects.count; ++i) upsert_one(scope, model, objects[i], key);
    });
  } catch (...) {
    for (std::size_t i = 0; i < objects.count; ++i) model.columns[model.id].set(objects[i], std::int64_t{0});
    throw;
  }
}

}  // namespace mpf::orm::detail
