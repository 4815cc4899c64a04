#include <mpf/orm/row_security.hpp>

#include <algorithm>
#include <iterator>

#include <mpf/orm/detail/core.hpp>

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

std::vector<std::string> row_security_sql(const std::vector<const ModelInfo*>& models,
                                          const RowSecurityOptions& options) {
  std::vector<std::string> statements;
  for (const ModelInfo* const model : models) {
    const auto security = row_security_of(*model, options);
    if (statements.empty()) statements = ddl::make_role(security.role);
    auto own = ddl::secure(model->table, security);
    std::ranges::move(own, std::back_inserter(statements));
  }
  return statements;
}

std::unique_ptr<db::Database> with_row_security(std::unique_ptr<db::Database> database,
                                                RowSecurityOptions options) {
  if (database->dialect() != db::Dialect::postgres) return database;
  return std::make_unique<detail::SecuredDatabase>(std::move(database), std::move(options.role));
}

}  // namespace mpf::orm
