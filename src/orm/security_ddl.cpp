#include <array>

#include <fmt/core.h>

#include "orm/ddl.hpp"

namespace mpf::orm::ddl {

namespace {

constexpr std::array policies{"mpf_read", "mpf_add", "mpf_change", "mpf_remove"};

std::string setting(std::string_view name) {
  return fmt::format("CAST(nullif(current_setting('mpf.{}', true), '') AS bigint)", name);
}

struct Conditions {
  std::string reads;
  std::string writes;
};

/// What the ORM's scope conditions say, as an expression over the table's columns; empty for rows of all.
Conditions conditions_of(const RowSecurity& security) {
  if (security.site.empty() && security.provider.empty()) return {};
  std::string provider = "false";
  std::string of_its_sites;
  if (!security.site_table.empty()) {
    of_its_sites =
        fmt::format("{} IN (SELECT {} FROM {} WHERE {} = {})", quote(security.site), quote(security.site_key),
                    quote(security.site_table), quote(security.site_provider), setting("provider"));
  }
  if (!security.provider.empty()) {
    provider = fmt::format("{} = {}", quote(security.provider), setting("provider"));
  } else if (!of_its_sites.empty()) {
    provider = of_its_sites;
  }
  std::string site =
      security.site.empty() ? provider : fmt::format("{} = {}", quote(security.site), setting("site"));
  if (!security.provider.empty() && !security.site_table.empty()) {  // rows name one of both
    site += fmt::format(" OR ({} IS NULL AND {})", quote(security.site), provider);
    provider += " OR " + of_its_sites;
  }
  const auto whole = [&](const std::string& more) {
    return fmt::format(
        "CASE current_setting('mpf.scope', true) WHEN 'system' THEN true WHEN 'site' THEN {}{} WHEN "
        "'provider' THEN {}{} ELSE false END",
        site, security.site.empty() ? more : "", provider, more);
  };
  return {whole(security.shared ? fmt::format(" OR {} IS NULL", quote(security.provider)) : ""), whole("")};
}

/// GRANT or REVOKE for the sequence of the table's ids.
std::string for_sequence(const Table& table, std::string_view verb, std::string_view to,
                         const std::string& role) {
  for (const Column& column : table.columns) {
    if (!column.primary_key || column.references) continue;  // ids of another table have none
    return fmt::format(
        "DO $$ BEGIN EXECUTE '{} USAGE, SELECT ON SEQUENCE ' || pg_get_serial_sequence({}, {}) || ' {} "
        "{}'; END $$",
        verb, literal(quote(table.name)), literal(column.name), to, quote(role));
  }
  return {};
}

}  // namespace

std::vector<std::string> make_role(const std::string& role) {
  return {fmt::format(
      "DO $$ BEGIN\n"
      "  BEGIN\n"
      "    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {0}) THEN CREATE ROLE {1} NOLOGIN; END IF;\n"
      "  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;\n"
      "  END;\n"
      "  IF NOT pg_has_role(current_user, {0}, 'MEMBER') THEN GRANT {1} TO CURRENT_USER; END IF;\n"
      "END $$",
      literal(role), quote(role))};
}

std::vector<std::string> grant(const Table& table, const std::string& role) {
  std::vector<std::string> statements{
      fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}", quote(table.name), quote(role))};
  if (auto sql = for_sequence(table, "GRANT", "TO", role); !sql.empty()) statements.push_back(std::move(sql));
  return statements;
}

std::vector<std::string> secure(const Table& table, const RowSecurity& security) {
  const std::string name = quote(table.name);
  std::vector<std::string> statements = grant(table, security.role);
  const Conditions conditions = conditions_of(security);
  if (conditions.reads.empty()) return statements;
  statements.push_back(fmt::format("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", name));
  statements.push_back(fmt::format("ALTER TABLE {} FORCE ROW LEVEL SECURITY", name));
  for (const auto* policy : policies) {
    statements.push_back(fmt::format("DROP POLICY IF EXISTS {} ON {}", policy, name));
  }
  const auto add = [&](std::string_view policy, const std::string& rule) {
    statements.push_back(fmt::format("CREATE POLICY {} ON {} {}", policy, name, rule));
  };
  add(policies[0], fmt::format("FOR SELECT USING ({})", conditions.reads));
  add(policies[1], fmt::format("FOR INSERT WITH CHECK ({})", conditions.writes));
  add(policies[2], fmt::format("FOR UPDATE USING ({0}) WITH CHECK ({0})", conditions.writes));
  add(policies[3], fmt::format("FOR DELETE USING ({})", conditions.writes));
  return statements;
}

std::vector<std::string> unsecure(const Table& table, const RowSecurity& security) {
  const std::string name = quote(table.name);
  std::vector<std::string> statements;
  for (const auto* policy : policies) {
    statements.push_back(fmt::format("DROP POLICY IF EXISTS {} ON {}", policy, name));
  }
  statements.push_back(fmt::format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", name));
  statements.push_back(fmt::format("ALTER TABLE {} DISABLE ROW LEVEL SECURITY", name));
  if (auto sql = for_sequence(table, "REVOKE", "FROM", security.role); !sql.empty())
    statements.push_back(sql);
  statements.push_back(
      fmt::format("REVOKE SELECT, INSERT, UPDATE, DELETE ON {} FROM {}", name, quote(security.role)));
  return statements;
}

}  // namespace mpf::orm::ddl
