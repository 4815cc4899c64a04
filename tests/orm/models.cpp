#include "orm/models.hpp"

#include <utility>

#include <mpf/db/error.hpp>

template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Provider>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Site>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Theme>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::User>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Article>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Country>();

namespace mpf::test {

std::vector<std::string> tables_sql(std::initializer_list<const orm::Table*> tables, db::Dialect dialect,
                                    Keys keys) {
  std::vector<std::string> statements;
  for (const orm::Table* table : tables) {
    orm::Table made = *table;
    for (orm::Column& column : made.columns) {
      if (!column.references || keys == Keys::all) continue;
      column.references->tenant.clear();
      column.references->target_tenant.clear();
    }
    for (auto& sql : orm::create_table_sql(made, dialect)) statements.push_back(std::move(sql));
  }
  return statements;
}

ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::internal;
}

std::string refused_field(const std::function<void()>& body) {
  try {
    body();
  } catch (const ValidationError& error) {
    return error.fields().at(0).path + ": " + error.fields().at(0).code;
  }
  return "nothing was refused";
}

std::int64_t number_from(db::Database& db, const std::string& sql) {
  std::int64_t value = -1;
  db.execute({sql, {}, db::Access::read}, [&](const db::Row& row) { value = row.integer(0); });
  return value;
}

World::World(db::Dialect dialect, Keys keys) : db(dialect) {
  make_tables({&orm::table_of<Provider>(), &orm::table_of<Site>(), &orm::table_of<Theme>(),
               &orm::table_of<User>(), &orm::table_of<Article>(), &orm::table_of<Country>()},
              keys);
  const auto all = system();
  first = all.insert(Provider{.name = "first"});
  second = all.insert(Provider{.name = "second"});
  acme = all.insert(Site{.provider = orm::Ref(first), .name = "acme"});
  annex = all.insert(Site{.provider = orm::Ref(first), .name = "annex"});
  globex = all.insert(Site{.provider = orm::Ref(second), .name = "globex"});
  ann = scope(acme).insert(User{.email = "ann@acme.test", .name = "Ann"});
  bob = scope(globex).insert(User{.email = "bob@globex.test", .name = "Bob"});
}

void World::make_tables(std::initializer_list<const orm::Table*> tables, Keys keys) const {
  for (const auto& sql : tables_sql(tables, db->dialect(), keys)) db->execute_script(sql);
}

void World::write_around_keys(const std::string& sql) const {
  const bool sqlite = db->dialect() == db::Dialect::sqlite;
  db->execute_script(sqlite ? "PRAGMA foreign_keys = OFF; " + sql + "; PRAGMA foreign_keys = ON"
                            : "SET session_replication_role = replica; " + sql +
                                  "; SET session_replication_role = origin");
}

bool World::takes(const std::string& sql) const {
  try {
    db->execute(db::Statement{sql, {}, db::Access::write});
    return true;
  } catch (const db::ConstraintError& error) {
    CHECK(error.type() == db::ConstraintError::Type::foreign_key);
    return false;
  }
}

}  // namespace mpf::test
