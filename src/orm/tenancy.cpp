#include "orm/tenancy.hpp"

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::orm::detail {

namespace {

constexpr Sql::Alias site_alias{1000};

std::string_view column_at(const ModelInfo& model, std::size_t column) {
  return model.table.columns[column].name;
}

/// (SELECT "id" FROM "site" WHERE "provider_id" = …)
void write_sites_of_provider(Sql& sql, const ModelInfo& site, const std::function<void(Sql&)>& provider) {
  sql << "(SELECT ";
  sql.column(site_alias, column_at(site, site.id)) << " FROM ";
  sql.name(site.table.name) << " ";
  sql.alias(site_alias) << " WHERE ";
  sql.column(site_alias, column_at(site, site.provider)) << " = ";
  provider(sql);
  sql << ")";
}

void write_provider_of_site(Sql& sql, const ModelInfo& site, const std::function<void(Sql&)>& id) {
  sql << "(SELECT ";
  sql.column(site_alias, column_at(site, site.provider)) << " FROM ";
  sql.name(site.table.name) << " ";
  sql.alias(site_alias) << " WHERE ";
  sql.column(site_alias, column_at(site, site.id)) << " = ";
  id(sql);
  sql << ")";
}

[[noreturn]] void throw_foreign(const ModelInfo& model, std::size_t column, Id given, Id scope) {
  throw Error(ErrorKind::denied,
              fmt::format("a row of {} has {} {}, and the scope is that of {}", model.table.name,
                          model.columns[column].member, given.value, scope.value));
}

void refuse_other(const ModelInfo& model, std::size_t column, const void* object, Id scope) {
  if (column == no_column) return;
  const Id given = id_in(model, column, object);
  if (given.value != 0 && given != scope) throw_foreign(model, column, given, scope);
}

void adopt(const ModelInfo& model, std::size_t column, void* object, Id scope) {
  if (column == no_column || column == model.id) return;
  if (id_in(model, column, object).value == 0) model.columns[column].set(object, scope.value);
}

}  // namespace

Id id_in(const ModelInfo& model, std::size_t column, const void* object) {
  const db::Param value = model.columns[column].get(object);
  const auto* const id = std::get_if<std::int64_t>(&value);
  return id ? Id(*id) : Id();
}

namespace {

/// The rows of a provider; of models where rows may do without one also those, for who only reads.
void write_provider_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope) {
  const bool shared = model.table.columns[model.provider].nullable && !scope.writing;
  sql << (shared ? " AND (" : " AND ");
  sql.column(table, column_at(model, model.provider)) << " = ";
  sql.bind(scope.provider.value);
  if (!shared) return;
  sql << " OR ";
  sql.column(table, column_at(model, model.provider)) << " IS NULL)";
}

}  // namespace

void write_tenant_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope) {
  if (scope.left_out == LeftOut::everything) return;
  if (scope.left_out == (scope.writing ? LeftOut::writes : LeftOut::reads)) return;
  switch (scope.kind) {
    case ScopeKind::site:
      if (model.site != no_column) {
        sql << " AND ";
        sql.column(table, column_at(model, model.site)) << " = ";
        sql.bind(scope.site.value);
      } else if (model.provider != no_column) {
        write_provider_condition(sql, table, model, scope);
      }
      return;
    case ScopeKind::provider:
      if (model.provider != no_column) {
        write_provider_condition(sql, table, model, scope);
      } else if (model.site != no_column) {
        const ModelInfo& site = model.site_model();
        sql << " AND ";
        if (site.provider == no_column) {
          sql << "FALSE";  // nobody knows whose it is
          return;
        }
        sql.column(table, column_at(model, model.site)) << " IN ";
        write_sites_of_provider(sql, site, [&](Sql& out) { out.bind(scope.provider.value); });
      }
      return;
    case ScopeKind::system:
      return;
  }
}

void write_scope_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope) {
  write_tenant_condition(sql, table, model, scope);
  write_retired_condition(sql, table, model, scope);
}

void write_retired_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope) {
  if (model.retired == no_column || scope.with_retired) return;
  sql << " AND ";
  sql.column(table, column_at(model, model.retired)) << " IS NULL";
}

ScopeData writing(const ScopeData& scope) {
  ScopeData copy = scope;
  copy.writing = true;
  return copy;
}

OwnerRow owner_columns(const ModelInfo& model, Sql::Alias table) {
  const auto column = [&model, table](std::size_t index) -> std::function<void(Sql&)> {
    if (index == no_column) return {};
    return [&model, table, index](Sql& sql) { sql.column(table, column_at(model, index)); };
  };
  return {model, column(model.site), column(model.provider)};
}

OwnerRow owner_values(const ModelInfo& model, const void* object) {
  const auto value = [&model, object](std::size_t index) -> std::function<void(Sql&)> {
    if (index == no_column) return {};
    return [&model, object, index](Sql& sql) { sql.bind(id_in(model, index, object).value); };
  };
  return {model, value(model.site), value(model.provider)};
}

void write_tenant_match(Sql& sql, Sql::Alias table, const ModelInfo& target, const OwnerRow& owner) {
  if (target.site != no_column) {
    if (owner.site) {
      sql << " AND ";
      sql.column(table, column_at(target, target.site)) << " = ";
      owner.site(sql);
    } else if (owner.provider && target.site_model().provider != no_column) {
      sql << " AND ";
      sql.column(table, column_at(target, target.site)) << " IN ";
      write_sites_of_provider(sql, target.site_model(), owner.provider);
    }
  } else if (target.provider != no_column) {
    const bool by_site = !owner.provider && owner.site && owner.model.site_model().provider != no_column;
    if (!owner.provider && !by_site) return;
    const bool shared = target.table.columns[target.provider].nullable;  // the system's are for everybody
    sql << (shared ? " AND (" : " AND ");
    sql.column(table, column_at(target, target.provider)) << " = ";
    if (by_site) {
      write_provider_of_site(sql, owner.model.site_model(), owner.site);
    } else {
      owner.provider(sql);
    }
    if (!shared) return;
    sql << " OR ";
    sql.column(table, column_at(target, target.provider)) << " IS NULL)";
  }
}

void write_reference_condition(Sql& sql, Sql::Alias table, const ModelInfo& target, const ScopeData& scope,
                               const OwnerRow& owner) {
  if (scope.left_out == LeftOut::everything || scope.left_out == LeftOut::references) return;
  ScopeData reading = scope;
  reading.left_out = LeftOut::nothing;
  reading.writing = false;  // a row of the system may be referred to, if not changed
  write_tenant_condition(sql, table, target, reading);
  // Within one site everything that the scope sees belongs together already.
  if (scope.kind != ScopeKind::site) write_tenant_match(sql, table, target, owner);
}

void refuse_foreign_row(const ScopeData& scope, const ModelInfo& model, const void* object) {
  if (scope.kind == ScopeKind::site) refuse_other(model, model.site, object, scope.site);
  if (scope.kind != ScopeKind::system) refuse_other(model, model.provider, object, scope.provider);
}

void adopt_row(const ScopeData& scope, const ModelInfo& model, void* object) {
  if (scope.kind == ScopeKind::site && model.site == model.id) {
    throw Error(
        ErrorKind::denied,
        fmt::format("a row of {} is a tenant of its own: no site's scope can add one", model.table.name));
  }
  if (scope.kind != ScopeKind::system && model.provider == model.id) {
    throw Error(
        ErrorKind::denied,
        fmt::format("a row of {} is a tenant of its own: only a SystemScope can add one", model.table.name));
  }
  refuse_foreign_row(scope, model, object);
  if (scope.kind == ScopeKind::site) adopt(model, model.site, object, scope.site);
  if (scope.kind != ScopeKind::system) adopt(model, model.provider, object, scope.provider);
}

}  // namespace mpf::orm::detail
