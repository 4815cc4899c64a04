#include <mpf/orm/row_security.hpp>

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/db/error.hpp>
#include <mpf/orm/change_log.hpp>

#include "orm/ddl.hpp"
#include "orm/secured_database.hpp"

namespace mpf::orm {

using detail::ModelInfo;
using detail::no_column;

RowSecurity row_security_of(const ModelInfo& model, const RowSecurityOptions& options) {
  const auto name = [](const ModelInfo& of, std::size_t column) { return of.table.columns[column].name; };
  RowSecurity security{.role = options.role};
  if (model.site != no_column) security.site = name(model, model.site);
  if (model.provider != no_column) {
    security.provider = name(model, model.provider);
    security.shared = model.table.columns[model.provider].nullable;
  } else if (model.site != no_column) {
    const ModelInfo& owner = model.site_model();
    if (owner.provider == no_column) return security;
    security.site_table = owner.table.name;
    security.site_key = name(owner, owner.id);
    security.site_provider = name(owner, owner.provider);
  }
  return security;
}

namespace {

/// How the log of changes of these models' rows is kept apart, whatever entries they have.
RowSecurity security_of_log(const std::vector<const ModelInfo*>& models, const std::string& role) {
  const ModelInfo& log = detail::model_info<Change>();
  RowSecurity security{.role = role, .site = "site", .provider = "provider"};
  for (const ModelInfo* const model : models) {
    if (model == &log || model->site == no_column) continue;
    const ModelInfo& owner = model->site_model();
    if (owner.provider == no_column) continue;
    security.site_table = owner.table.name;
    security.site_key = owner.table.columns[owner.id].name;
    security.site_provider = owner.table.columns[owner.provider].name;
    return security;
  }
  security.site.clear();  // nobody has sites
  return security;
}

/// The tables that are there and on which the role lacks a right.
std::vector<std::string> tables_closed_to(db::Database& database, const std::vector<Table>& tables,
                                          const std::string& role) {
  db::Array names(ElementType::text);
  db::Array keys(ElementType::text);  // with a sequence; empty for tables that take their ids from another
  for (const Table& table : tables) {
    const auto key = std::ranges::find_if(
        table.columns, [](const Column& each) { return each.primary_key && !each.references; });
    names.values.emplace_back(table.name);
    keys.values.emplace_back(key == table.columns.end() ? std::string() : key->name);
  }
  std::vector<std::string> closed;
  database.execute(
      {"SELECT name FROM unnest($1, $2) AS t(name, key) WHERE CASE WHEN to_regclass(quote_ident(name)) IS "
       "NULL THEN false WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $3) THEN true ELSE NOT "
       "(has_table_privilege($3, quote_ident(name), 'SELECT') AND has_table_privilege($3, quote_ident(name), "
       "'INSERT') AND has_table_privilege($3, quote_ident(name), 'UPDATE') AND has_table_privilege($3, "
       "quote_ident(name), 'DELETE') AND CASE WHEN key = '' THEN true ELSE "
       "coalesce(has_sequence_privilege($3, "
       "pg_get_serial_sequence(quote_ident(name), key), 'USAGE'), true) END) END",
       {std::move(names), std::move(keys), role}},
      [&](const db::Row& row) { closed.emplace_back(row.text(0)); });
  return closed;
}

bool can_become(db::Database& database, const std::string& role) {
  bool can = false;
  database.execute({"SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1) THEN "
                    "pg_has_role(current_user, $1, 'MEMBER') ELSE false END",
                    {role}},
                   [&](const db::Row& row) { can = row.boolean(0); });
  return can;
}

}  // namespace

std::optional<RowSecurity> change_log_security(const std::vector<const ModelInfo*>& models,
                                               const std::optional<std::string>& role_of_all) {
  for (const ModelInfo* const model : models) {
    if (!model->change_log) continue;
    if (model->table.row_security) return security_of_log(models, model->table.row_security->role);
    if (role_of_all) return security_of_log(models, *role_of_all);
  }
  return std::nullopt;
}

std::vector<std::string> row_security_sql(const std::vector<const ModelInfo*>& models,
                                          const RowSecurityOptions& options) {
  std::vector<std::string> statements;
  for (const ModelInfo* const model : models) {
    const bool is_log = model == &detail::model_info<Change>();
    const auto security = is_log ? security_of_log(models, options.role) : row_security_of(*model, options);
    if (statements.empty()) statements = ddl::make_role(security.role);
    auto own = ddl::secure(model->table, security);
    std::ranges::move(own, std::back_inserter(statements));
  }
  return statements;
}

void let_scopes_in(db::Database& database, const std::vector<Table>& tables,
                   const RowSecurityOptions& options) {
  if (database.dialect() != db::Dialect::postgres) return;
  const auto missing = [&] {
    std::vector<std::string> statements;
    if (!can_become(database, options.role)) statements = ddl::make_role(options.role);
    const auto closed = tables_closed_to(database, tables, options.role);
    for (const Table& table : tables) {
      if (std::ranges::find(closed, table.name) == closed.end()) continue;
      auto own = ddl::grant(table, options.role);
      std::ranges::move(own, std::back_inserter(statements));
    }
    return statements;
  };
  auto statements = missing();
  if (statements.empty()) return;
  try {
    database.transaction([&](db::Transaction&) {
      // Of several processes that start at once one does it.
      database.execute(
          {"SELECT pg_advisory_xact_lock(hashtext('mpf: rights of scopes'))", {}, db::Access::write});
      statements = missing();
      for (const std::string& sql : statements) database.execute_script(sql);
    });
  } catch (const db::SqlError& error) {
    if (error.sqlstate() != "42501") throw;  // no right to do that
    std::string message = fmt::format(
        "scopes work as the role {}, which lacks rights on {}: let the owner of its tables run this, as who "
        "connects here may not:",
        options.role, database.description());
    for (const std::string& sql : statements) message += "\n" + sql + ";";
    throw Error(ErrorKind::configuration, message);
  }
}

std::unique_ptr<db::Database> with_row_security(std::unique_ptr<db::Database> database,
                                                RowSecurityOptions options) {
  if (database->dialect() != db::Dialect::postgres) return database;
  return std::make_unique<detail::SecuredDatabase>(std::move(database), std::move(options.role));
}

}  // namespace mpf::orm
