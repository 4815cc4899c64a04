#pragma once

#include <functional>

#include <mpf/orm/detail/core.hpp>

#include "orm/sql.hpp"

/// Which rows belong together: the conditions that keep tenants apart.
namespace mpf::orm::detail {

/// Writes " AND <rows of the tenant>" about that alias; nothing where all are seen. Who writes does not get
/// the system's rows of models where rows may do without a provider.
void write_tenant_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope);

/// The scope as that of a statement that changes the rows it finds.
ScopeData writing(const ScopeData& scope);

/// Writes " AND <rows of the model that the scope sees>": the same, without retired ones unless asked for.
void write_scope_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope);

/// Writes " AND <not retired>" unless retired ones are asked for, or the model has none.
void write_retired_condition(Sql& sql, Sql::Alias table, const ModelInfo& model, const ScopeData& scope);

/// A row that refers to others, as SQL: its tenant columns, or bound values.
struct OwnerRow {
  const ModelInfo& model;
  std::function<void(Sql&)> site;      ///< where the model has the column
  std::function<void(Sql&)> provider;  ///< likewise
};
OwnerRow owner_columns(const ModelInfo& model, Sql::Alias table);
OwnerRow owner_values(const ModelInfo& model, const void* object);

/// Writes " AND <belongs to the tenant of the owner>" about a referred row.
void write_tenant_match(Sql& sql, Sql::Alias table, const ModelInfo& target, const OwnerRow& owner);

/// Both: a row that the owner may refer to, and the scope may see.
void write_reference_condition(Sql& sql, Sql::Alias table, const ModelInfo& target, const ScopeData& scope,
                               const OwnerRow& owner);

/// The tenant of a row to be stored: fills in what the scope knows, throws Error(denied) where the row says
/// otherwise.
void adopt_row(const ScopeData& scope, const ModelInfo& model, void* object);

/// Throws Error(denied) for a row of another tenant than the scope's.
void refuse_foreign_row(const ScopeData& scope, const ModelInfo& model, const void* object);

/// The id in a column of type id; none when it is null.
Id id_in(const ModelInfo& model, std::size_t column, const void* object);

}  // namespace mpf::orm::detail
