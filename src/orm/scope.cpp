#include <mpf/orm/scope.hpp>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "orm/changes.hpp"
#include "orm/secured_database.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

namespace {

constexpr Sql::Alias root{0};

/// The row, and behind it the rows of the models that it extends: aliases follow each other.
void write_select(Sql& sql, const ModelInfo& model) {
  sql << "SELECT ";
  Sql::Alias alias = root;
  for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
    for (const Column& column : part->table.columns) {
      if (alias.number != root.number || &column != part->table.columns.data()) sql << ", ";
      sql.column(alias, column.name);
    }
    ++alias.number;
  }
  sql << " FROM ";
  sql.name(model.table.name) << " ";
  sql.alias(root);
  alias = root;
  for (const ModelInfo* part = &model; part->base; part = &part->base()) {
    const ModelInfo& base = part->base();
    sql << " JOIN ";
    sql.name(base.table.name) << " ";
    sql.alias({alias.number + 1}) << " ON ";
    sql.column({alias.number + 1}, column_name_at(base, base.id)) << " = ";
    sql.column(alias, column_name_at(*part, part->id));
    ++alias.number;
  }
  sql << " WHERE ";
}

void write_retired_conditions_of_bases(Sql& sql, const ModelInfo& model, const ScopeData& scope) {
  Sql::Alias alias = root;
  for (const ModelInfo* part = &model; part->base; part = &part->base()) {
    write_retired_condition(sql, {++alias.number}, part->base(), scope);
  }
}

bool decode_one(const ScopeData& scope, const ModelInfo& model, Sql& sql, void* into) {
  bool found = false;
  scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row& row) {
    model.decode(into, row, 0);
    found = true;
  });
  return found;
}

}  // namespace

db::Statement find_statement(const ScopeData& scope, const ModelInfo& model, Id id) {
  Sql sql(scope);
  write_select(sql, model);
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_scope_condition(sql, root, model, scope);
  write_retired_conditions_of_bases(sql, model, scope);
  return std::move(sql).take(db::Access::read);
}

bool find_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into) {
  bool found = false;
  scope.db->execute(find_statement(scope, model, id), [&](const db::Row& row) {
    model.decode(into, row, 0);
    found = true;
  });
  return found;
}

bool find_row_by(const ScopeData& scope, const ModelInfo& model, const void* object, Key key, void* into) {
  Sql sql(scope);
  write_select(sql, model);
  bool first = true;
  const KeyPart part = key_part(model, object, key);
  const std::vector<std::size_t> columns = unique_columns(*part.model, key);
  refuse_absent_keys(*part.model, columns, part.object, "");
  for (const std::size_t column : columns) {
    if (!first) sql << " AND ";
    first = false;
    write_equals(sql, {root.number + part.depth}, column_name_at(*part.model, column),
                 part.model->columns[column].get(part.object));
  }
  write_tenant_condition(sql, root, model, scope);  // a retired row holds its place as any other
  return decode_one(scope, model, sql, into);
}

void adopt(const ScopeData& scope, const ModelInfo& model, void* object) { adopt_row(scope, model, object); }

void take_tenant(const ModelInfo& from, const void* row, const ModelInfo& model, void* object) {
  const auto take = [&](std::size_t ours, std::size_t theirs) {
    if (ours == no_column || theirs == no_column || ours == model.id) return;
    if (const Id id = id_in(from, theirs, row)) model.columns[ours].set(object, id.value);
  };
  take(model.site, from.site);
  take(model.provider, from.provider);
}

void on_end_of_transaction(db::Database& db, std::function<void()> committed,
                           std::function<void()> rolled_back) {
  db::Transaction* const open = db.current();
  open->on_rollback(std::move(rolled_back));
  open->on_commit(std::move(committed));
}

void lock_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into) {
  Sql sql(scope);
  write_select(sql, model);
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_tenant_condition(sql, root, model, scope);
  if (!sql.sqlite()) sql << " FOR UPDATE";  // SQLite has one writer: the transaction itself
  if (!decode_one(scope, model, sql, into)) throw_no_row(model, id);
}

bool remove_row(const ScopeData& scope, const ModelInfo& model, Id id) {
  if (model.base) return remove_extended(scope, model, id);
  Sql sql(scope);
  sql << "DELETE FROM ";
  sql.name(model.table.name) << " AS ";
  sql.alias(root) << " WHERE ";
  sql.column(root, column_name_at(model, model.id)) << " = ";
  sql.bind(id.value);
  write_tenant_condition(sql, root, model, writing(scope));
  bool removed = false;
  recording(scope, model, [&](Recorder* recorder) {
    if (recorder) recorder->before(std::vector{id.value});
    removed = scope.db->execute(std::move(sql).take(db::Access::write)) > 0;
    if (recorder && removed) recorder->removed();
  });
  return removed;
}

namespace {

/// Behind row security a scope has its own view of the database.
ScopeData secured(ScopeData scope) {
  auto* const database = dynamic_cast<SecuredDatabase*>(scope.db);
  if (!database) return scope;
  scope.view = database->view(scope);
  scope.db = scope.view.get();
  return scope;
}

}  // namespace

ScopeData site_scope(db::Database& db, Id site, Id provider, const Clock& clock) {
  if (!site || !provider) {
    throw Error(ErrorKind::internal,
                fmt::format("a SiteScope needs a site and its provider, and got {} and {}", site.value,
                            provider.value));
  }
  return secured({&db, &clock, ScopeKind::site, site, provider});
}

ScopeData provider_scope(db::Database& db, Id provider, const Clock& clock) {
  if (!provider) throw Error(ErrorKind::internal, "a ProviderScope needs a provider");
  return secured({&db, &clock, ScopeKind::provider, Id(), provider});
}

ScopeData system_scope(db::Database& db, std::string_view reason, const Clock& clock,
                       const std::source_location& origin) {
  if (reason.empty()) throw Error(ErrorKind::internal, "a SystemScope needs a reason");
  log::debug("system scope: {} ({}:{})", reason, origin.file_name(), origin.line());
  return secured({&db, &clock, ScopeKind::system, Id(), Id()});
}

}  // namespace mpf::orm::detail
