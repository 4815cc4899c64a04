#include <algorithm>

#include "migrate/postgres_renderer.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
constexpr auto postgres = db::Dialect::postgres;

bool is_in(const std::vector<ddl::ColumnCheck>& checks, const ddl::ColumnCheck& check) {
  return std::ranges::any_of(checks, [&](const ddl::ColumnCheck& each) {
    return each.name == check.name && each.condition == check.condition;
  });
}

}  // namespace

std::string concurrently(std::string create_index) {
  constexpr std::string_view before = "INDEX ";
  return create_index.insert(create_index.find(before) + before.size(), "CONCURRENTLY ");
}

/// Takes away what is asked of the column no more, or all that reads it: otherwise PostgreSQL would look at
/// all rows again, with the table locked, when the text's order changes.
void PostgresRenderer::drop_rules(const std::string& table, const orm::Column& before,
                                  const orm::Column& after, bool all) {
  const auto kept = ddl::checks(table, after, postgres);
  for (const auto& check : ddl::checks(table, before, postgres)) {
    if (all || !is_in(kept, check)) drop_constraint(table, check.name);
  }
  if (all) {
    for (const auto& check : state_.table(table).checks) {
      if (mentions(check.condition, after.name)) drop_constraint(table, check.name);
    }
  }
  if (before.references && before.references != after.references) {
    drop_constraint(table, ddl::reference_name(table, before));
  }
}

/// The other way.
void PostgresRenderer::add_rules(const std::string& table, const orm::Column& before,
                                 const orm::Column& after, bool all) {
  const auto known = ddl::checks(table, before, postgres);
  for (const auto& check : ddl::checks(table, after, postgres)) {
    if (all || !is_in(known, check)) add_rule(table, check.name, "CHECK (" + check.condition + ")");
  }
  if (all) {
    for (const auto& check : state_.table(table).checks) {
      if (!mentions(check.condition, after.name)) continue;
      add_rule(table, check.name, "CHECK (" + check.condition.of(postgres) + ")");
    }
  }
  if (after.references && before.references != after.references) {
    add_rule(table, ddl::reference_name(table, after), ddl::foreign_key(after, postgres));
  }
}

/// A rule for rows written from now on; validate_all() looks at the others, without keeping writers out.
void PostgresRenderer::add_rule(const std::string& table, const std::string& name, const std::string& rule) {
  const auto adds = alter(table) + "ADD CONSTRAINT " + ddl::quote(name) + " " + rule;
  if (!is_live(table)) return sql(adds);
  sql(adds + " NOT VALID");
  unvalidated_.push_back(name);
}

void PostgresRenderer::drop_constraint(const std::string& table, const std::string& name) {
  sql(alter(table) + "DROP CONSTRAINT " + ddl::quote(name));
}

void PostgresRenderer::validate_all(const std::string& table) {
  for (const auto& name : unvalidated_) {
    next_phase();
    sql(alter(table) + "VALIDATE CONSTRAINT " + ddl::quote(name));
    next_phase();
  }
  unvalidated_.clear();
}

/// NOT NULL by way of a check: once that is validated, PostgreSQL does not look at the rows again.
void PostgresRenderer::forbid_null(const std::string& table, const std::string& name,
                                   const std::string& missing) {
  const auto check = ddl::quote(std::string(not_null_check));
  const Batches fill{.table = table, .id = {}, .set = name + " = " + missing, .where = name + " IS NULL"};
  // Filled before the check is there, which no row without a value could be updated under; and once more
  // for what was written in between.
  if (!missing.empty()) backfill(fill);
  // One that somebody left behind would be in the way.
  sql(drop_not_null_check(table) + ", ADD CONSTRAINT " + check + " CHECK (" + name +
      " IS NOT NULL) NOT VALID");
  if (!missing.empty()) backfill(fill);
  next_phase();
  sql(alter(table) + "VALIDATE CONSTRAINT " + check);
  next_phase();
  // In one statement the check would be gone before the rule is made, and all rows looked at under the lock.
  sql(alter(table) + "ALTER COLUMN " + name + " SET NOT NULL");
  sql(alter(table) + "DROP CONSTRAINT " + check);
  next_phase();
}

/// Indexes in the new order, made while others write. PostgreSQL finds them right when the column gets that
/// order, and does not make them again.
void PostgresRenderer::build_sorted(const std::string& table, const orm::Column& after) {
  const auto name = ddl::quote(after.name);
  const std::string order = after.byte_order ? " COLLATE \"C\"" : " COLLATE \"default\"";
  for (auto index : state_.table(table).indexes) {
    if (!sorts_by(index, after.name)) continue;
    index.name = next_name(index.name);
    auto text = concurrently(ddl::create_index(state_.table(table), index, postgres));
    const auto at = text.find(name, text.find(" ("));
    text.insert(at + name.size(), order);
    apart(Step::Kind::build_index, text + ";", index.name);
  }
}

void PostgresRenderer::drop_unsorted(const std::string& table, const std::string& column) {
  for (const auto& index : state_.table(table).indexes) {
    if (sorts_by(index, column)) sql("DROP INDEX " + ddl::quote(index.name));
  }
}

void PostgresRenderer::rename_sorted(const std::string& table, const std::string& column) {
  for (const auto& index : state_.table(table).indexes) {
    if (!sorts_by(index, column)) continue;
    sql("ALTER INDEX " + ddl::quote(next_name(index.name)) + " RENAME TO " + ddl::quote(index.name));
  }
}

}  // namespace mpf::migrate
