#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/detail/model_info.hpp>
#include <mpf/orm/schema.hpp>

/// PostgreSQL's row-level security as a second wall behind the conditions that the ORM writes: made from the
/// same descriptions, it holds for SQL by hand as well. SQLite has no such thing; there all of this does
/// nothing.
///
/// Models with the entry orm::row_security() get it by their migrations, which `migrate make` writes, and
/// `migrate check` knows it. Migrations themselves work as a system scope. Tables of links<…>() take over the
/// entry of the model that has them.
///
/// An application does all of this by itself as soon as one of its models has the entry, or when the setting
/// `database.row_security` is true: its database is opened by with_row_security(), and at its start the role
/// gets what it lacks of the rights on all tables (let_scopes_in()). With ApplicationOptions::row_security
/// all of its models have it, those of MPF included. For code without an application the functions are below.
namespace mpf::orm {

struct RowSecurityOptions {
  /// The role that scopes work as. It owns nothing, so that no policy is passed by.
  std::string role = std::string(default_role);
};

/// What migrations are told of a model that has the entry, made for one that has not.
RowSecurity row_security_of(const detail::ModelInfo& model, const RowSecurityOptions& options = {});

/// The statements that set it up for models without that entry, to be run by the owner of the tables after
/// each migration; running them again does no harm. Models without a tenant stay open to every scope's reads
/// and writes; the change log (change_log.hpp) goes with the other models of the list.
std::vector<std::string> row_security_sql(const std::vector<const detail::ModelInfo*>& models,
                                          const RowSecurityOptions& options = {});

/// row_security_sql<Site, User, Article>()
template <class... Models>
std::vector<std::string> row_security_sql(const RowSecurityOptions& options = {}) {
  return row_security_sql(std::vector<const detail::ModelInfo*>{&detail::model_info<Models>()...}, options);
}

/// How the table of orm::Change stands behind the wall together with these models: a tenant sees and adds the
/// changes of its own rows. Nothing when none of them has both change_log() and row_security(); with a
/// `role_of_all`, every model counts as having row_security() for that role.
std::optional<RowSecurity> change_log_security(const std::vector<const detail::ModelInfo*>& models,
                                               const std::optional<std::string>& role_of_all = {});

/// Makes the role if it is not there, and gives it the rights on these tables that it lacks, those without
/// that entry among them: scopes work as it on all of them. Asks first and changes nothing where all is well,
/// so that who owns none of the tables can call it too. Error(configuration) naming the statements when
/// rights are missing and who connected may not give them.
void let_scopes_in(db::Database& database, const std::vector<Table>& tables,
                   const RowSecurityOptions& options = {});

/// A database whose scopes work behind the wall: each statement of a scope runs as the role and with the
/// tenant set, in the fiber's transaction or in one of its own. Statements without a scope run as whoever
/// connected. Rows in bulk become INSERT statements, for PostgreSQL has no COPY under row security.
std::unique_ptr<db::Database> with_row_security(std::unique_ptr<db::Database> database,
                                                RowSecurityOptions options = {});

}  // namespace mpf::orm
