#include "migrate/twins.hpp"

#include <mpf/base/hash.hpp>

#include "migrate/sql.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;

constexpr std::size_t told_digits = 16;

/// The value of one column as the other would have it.
std::string as_other(const std::string& row, const orm::Column& column, const orm::Column& other) {
  return conversion(row + ddl::quote(column.name), column, other, db::Dialect::postgres).value;
}

/// Values that the other type cannot tell apart are left as they are.
std::string follow(const orm::Column& writes, const orm::Column& follows) {
  return "IF " + as_other("NEW.", follows, writes) + " IS DISTINCT FROM NEW." + ddl::quote(writes.name) +
         " THEN NEW." + ddl::quote(follows.name) + " := " + as_other("NEW.", writes, follows) + "; END IF;\n";
}

}  // namespace

std::string twins_name(const orm::Table& table, const Twins& twins) {
  // Of one length: names of tables and columns together may be longer than PostgreSQL keeps.
  return "mpf_same_" + sha256(table.name + "." + twins.from + "." + twins.to).substr(0, told_digits);
}

std::vector<std::string> hold_same(const orm::Table& table, const Twins& twins) {
  const auto& from = *find_column(table, twins.from);
  const auto& to = *find_column(table, twins.to);
  const auto name = ddl::quote(twins_name(table, twins));
  const auto changed = [](const orm::Column& column) {
    return "NEW." + ddl::quote(column.name) + " IS DISTINCT FROM OLD." + ddl::quote(column.name);
  };
  return {"CREATE FUNCTION " + name +
              "() RETURNS trigger LANGUAGE plpgsql AS $mpf$\nBEGIN\n  IF TG_OP = 'INSERT' THEN\n    IF NEW." +
              ddl::quote(to.name) + " IS NULL THEN NEW." + ddl::quote(to.name) +
              " := " + as_other("NEW.", from, to) + ";\n    ELSE " + follow(to, from) +
              "    END IF;\n  ELSIF " + changed(to) + " THEN " + follow(to, from) + "  ELSIF " +
              changed(from) + " THEN " + follow(from, to) + "  END IF;\n  RETURN NEW;\nEND\n$mpf$",
          "CREATE TRIGGER " + name + " BEFORE INSERT OR UPDATE ON " + ddl::quote(table.name) +
              " FOR EACH ROW EXECUTE FUNCTION " + name + "()"};
}

std::vector<std::string> let_go(const orm::Table& table, const Twins& twins) {
  const auto name = ddl::quote(twins_name(table, twins));
  return {"DROP TRIGGER IF EXISTS " + name + " ON " + ddl::quote(table.name),
          "DROP FUNCTION IF EXISTS " + name + "()"};
}

std::string differ(const orm::Table& table, const Twins& twins) {
  const auto& from = *find_column(table, twins.from);
  const auto& to = *find_column(table, twins.to);
  return as_other("", from, to) + " IS DISTINCT FROM " + ddl::quote(to.name) + " AND " +
         as_other("", to, from) + " IS DISTINCT FROM " + ddl::quote(from.name);
}

}  // namespace mpf::migrate
