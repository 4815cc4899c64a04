#pragma once

#include <string>

#include "migrate/state.hpp"

/// What a state asks of the parts of a table. All of these throw StateError with what is wrong.
namespace mpf::migrate {

/// What is said of a name that is taken, or from which a taken one differs in case only.
std::string taken(const std::string& known, const std::string& name);

/// That the SQL is there for both databases and names, in double quotes, only columns of the table.
void check_names(const orm::Table& table, const orm::SqlText& sql, const std::string& where);

void check_column(const orm::Table& table, const orm::Column& column);
void check_index(const orm::Table& table, const orm::Index& index);

/// Writes another name where the SQL has this one in double quotes.
void rename_in(orm::SqlText& sql, const std::string& from, const std::string& to);

}  // namespace mpf::migrate
