#include <mpf/orm/row_security.hpp>

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/orm/detail/core.hpp>

#include "orm/ddl.hpp"
#include "orm/secured_database.hpp"

namespace mpf::orm {

namespace {

using detail::ModelInfo;
using detail::no_column;

std::string setting(std::string_view name) {
  return fmt::format("CAST(nullif(current_setting('mpf.{}', true), '') AS bigint)", name);
}

std::string column_of(const ModelInfo& model, std::size_t column) {
  return ddl::quote(model.table.columns[column].name);
}

struct Conditions {
  std::string reads;
  std::string writes;
};

/// What the ORM's scope conditions say, as an expression over the table's columns; empty for models of all.
Conditions conditions_for(const ModelInfo& model) {
  std::string site;
  std::string provider;
  std::string shared;
  if (model.provider != no_column) {
    const std::string column = column_of(model, model.provider);
    provider = column + " = " + setting("provider");
    if (model.table.columns[model.provider].nullable) shared = " OR " + column + " IS NULL";
  }
  if (model.site != no_column) {
    site = column_of(model, model.site) + " = " + setting("site");
    if (provider.empty()) {
      const ModelInfo& owner = model.site_model();
      provider = owner.provider == no_column
                     ? "false"
                     : fmt::format("{} IN (SELECT {} FROM {} WHERE {} = {})", column_of(model, model.site),
                                   column_of(owner, owner.id), ddl::quote(owner.table.name),
                                   column_of(owner, owner.provider), setting("provider"));
    }
  }
  if (site.empty() && provider.empty()) return {};
  if (site.empty()) site = provider;
  const auto whole = [&](const std::string& more) {
    return fmt::format(
        "CASE current_setting('mpf.scope', true) WHEN 'system' THEN true WHEN 'site' THEN {}{} WHEN "
        "'provider' THEN {}{} ELSE false END",
        site, model.site == no_column ? more : "", provider, more);
  };
  return {whole(shared), whole("")};
}

}  // namespace

std::vector<std::string> row_security_sql(const std::vector<const ModelInfo*>& models,
                                          const RowSecurityOptions& options) {
  const std::string role = ddl::quote(options.role);
  std::vector<std::string> statements;
  statements.push_back(fmt::format(
      "DO $$ BEGIN CREATE ROLE {} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$", role));
  statements.push_back(fmt::format("GRANT {} TO CURRENT_USER", role));
  for (const ModelInfo* const model : models) {
    const std::string table = ddl::quote(model->table.name);
    statements.push_back(fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}", table, role));
    if (!model->base)
      statements.push_back(fmt::format(
          "DO $$ BEGIN EXECUTE 'GRANT USAGE, SELECT ON SEQUENCE ' || pg_get_serial_sequence({}, {}) || ' TO "
          "{}'; END $$",
          ddl::literal(table), ddl::literal(model->table.columns[model->id].name), role));
    const Conditions conditions = conditions_for(*model);
    if (conditions.reads.empty()) continue;
    statements.push_back(fmt::format("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table));
    statements.push_back(fmt::format("ALTER TABLE {} FORCE ROW LEVEL SECURITY", table));
    const auto policy = [&](std::string_view name, const std::string& rule) {
      statements.push_back(fmt::format("DROP POLICY IF EXISTS {} ON {}", name, table));
      statements.push_back(fmt::format("CREATE POLICY {} ON {} {}", name, table, rule));
    };
    policy("mpf_read", fmt::format("FOR SELECT USING ({})", conditions.reads));
    policy("mpf_add", fmt::format("FOR INSERT WITH CHECK ({})", conditions.writes));
    policy("mpf_change", fmt::format("FOR UPDATE USING ({0}) WITH CHECK ({0})", conditions.writes));
    policy("mpf_remove", fmt::format("FOR DELETE USING ({})", conditions.writes));
  }
  return statements;
}

std::unique_ptr<db::Database> with_row_security(std::unique_ptr<db::Database> database,
                                                RowSecurityOptions options) {
  if (database->dialect() != db::Dialect::postgres) return database;
  return std::make_unique<detail::SecuredDatabase>(std::move(database), std::move(options.role));
}

}  // namespace mpf::orm
