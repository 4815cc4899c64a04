#include "migrate/null_filling.hpp"

#include <mpf/base/hash.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;

constexpr std::size_t told_digits = 16;

/// Of one length: names of table and column together may be longer than PostgreSQL keeps. Triggers run in the
/// order of their names: this one before those that hold columns the same ("mpf_same_…").
std::string name_of(const orm::Table& table, const orm::Column& column) {
  return ddl::quote("mpf_fill_" + sha256(table.name + "." + column.name).substr(0, told_digits));
}

}  // namespace

std::vector<std::string> fill_nulls(const orm::Table& table, const orm::Column& column) {
  const auto name = name_of(table, column);
  const auto written = "NEW." + ddl::quote(column.name);
  return {"CREATE FUNCTION " + name + "() RETURNS trigger LANGUAGE plpgsql AS $mpf$\nBEGIN\n  " + written +
              " := " + ddl::default_sql(column, db::Dialect::postgres) + ";\n  RETURN NEW;\nEND\n$mpf$",
          "CREATE TRIGGER " + name + " BEFORE INSERT OR UPDATE ON " + ddl::quote(table.name) +
              " FOR EACH ROW WHEN (" + written + " IS NULL) EXECUTE FUNCTION " + name + "()"};
}

std::vector<std::string> leave_nulls(const orm::Table& table, const orm::Column& column) {
  const auto name = name_of(table, column);
  return {"DROP TRIGGER IF EXISTS " + name + " ON " + ddl::quote(table.name),
          "DROP FUNCTION IF EXISTS " + name + "()"};
}

}  // namespace mpf::migrate
