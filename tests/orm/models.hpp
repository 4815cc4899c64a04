#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

#include "support/postgres.hpp"

/// A small product: providers own sites, sites own users and articles.
namespace mpf::test {

struct Provider {
  orm::Id id;
  std::string name;

  static constexpr auto model() {
    return orm::model<Provider>("provider", orm::field<&Provider::id>(orm::provider_tenant),
                                orm::field<&Provider::name>(orm::unique()));
  }
};

struct Site {
  orm::Id id;
  orm::Ref<Provider> provider;
  std::string name;

  static constexpr auto model() {
    return orm::model<Site>("site", orm::field<&Site::id>(orm::tenant),
                            orm::field<&Site::provider>(orm::provider_tenant), orm::field<&Site::name>());
  }
};

/// Belongs to a provider; its sites share it.
struct Theme {
  orm::Id id;
  orm::Ref<Provider> provider;
  std::string name;

  static constexpr auto model() {
    return orm::model<Theme>("theme", orm::field<&Theme::provider>(orm::provider_tenant),
                             orm::field<&Theme::name>());
  }
};

enum class Role { member, staff, owner };

struct User {
  orm::Id id;
  orm::Ref<Site> site;
  std::string email;
  std::string name;
  Role role = Role::member;

  static constexpr auto model() {
    return orm::model<User>("user", orm::field<&User::site>(orm::tenant),
                            orm::field<&User::email>(orm::max_length(200)), orm::field<&User::name>(),
                            orm::field<&User::role>(), orm::unique<&User::site, &User::email>());
  }
};

struct Article {
  orm::Id id;
  orm::Ref<Site> site;
  orm::Ref<User> author;
  std::optional<orm::Ref<User>> editor;
  std::optional<orm::Ref<Article>> parent;
  std::optional<orm::Ref<Theme>> theme;
  std::string title;
  std::optional<std::string> summary;
  std::int64_t reads = 0;
  std::optional<int> rank;
  double score = 0;
  bool pinned = false;
  std::optional<Timestamp> published_at;
  Json options;
  db::Bytes digest;
  Timestamp created_at;
  Timestamp changed_at;
  std::int64_t version = 0;

  static constexpr auto model() {
    return orm::model<Article>(
        "article", orm::field<&Article::site>(orm::tenant),
        orm::field<&Article::author>(orm::on_delete(orm::OnDelete::restrict)),
        orm::field<&Article::editor>(orm::on_delete(orm::OnDelete::set_null)),
        orm::field<&Article::parent>(orm::on_delete(orm::OnDelete::cascade)), orm::field<&Article::theme>(),
        orm::field<&Article::title>(orm::max_length(200), orm::label("Title")),
        orm::field<&Article::summary>(), orm::field<&Article::reads>(), orm::field<&Article::rank>(),
        orm::field<&Article::score>(), orm::field<&Article::pinned>(),
        orm::field<&Article::published_at>(orm::indexed), orm::field<&Article::options>(),
        orm::field<&Article::digest>(), orm::field<&Article::created_at>(orm::auto_now_add),
        orm::field<&Article::changed_at>(orm::auto_now), orm::field<&Article::version>(orm::row_version),
        orm::index<&Article::site, &Article::title>());
  }
};

/// For everybody, without a tenant.
struct Country {
  orm::Id id;
  std::string code;

  static constexpr auto model() {
    return orm::model<Country>("country", orm::field<&Country::code>(orm::unique(), orm::max_length(2)));
  }
};

/// Which keys the database keeps itself: all that the models ask for, or none that compare tenants, to see
/// what the ORM does alone.
enum class Keys { all, without_tenants };

inline std::vector<std::string> tables_sql(std::initializer_list<const orm::Table*> tables,
                                           db::Dialect dialect, Keys keys = Keys::all) {
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

/// Of what body throws.
inline ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::internal;
}

/// The field that a refused write names, and why: "title: max_length".
inline std::string refused_field(const std::function<void()>& body) {
  try {
    body();
  } catch (const ValidationError& error) {
    return error.fields().at(0).path + ": " + error.fields().at(0).code;
  }
  return "nothing was refused";
}

inline std::int64_t number_from(db::Database& db, const std::string& sql) {
  std::int64_t value = -1;
  db.execute({sql, {}, db::Access::read}, [&](const db::Row& row) { value = row.integer(0); });
  return value;
}

/// Runs test(dialect) in a fiber, once for each kind of database.
template <class Test>
void on_each_database(const Test& test) {
  for (const db::Dialect dialect : databases()) {
    CAPTURE(dialect);
    fiber::run([&] { test(dialect); });
  }
}

/// A database with these tables and two providers: the first with sites `acme` and `annex`, the second with
/// `globex`; a user `ann` of acme, `bob` of globex. To be made in a fiber.
struct World {
  FreshDatabase db;
  Provider first, second;
  Site acme, annex, globex;
  User ann, bob;

  explicit World(db::Dialect dialect = db::Dialect::sqlite, Keys keys = Keys::all) : db(dialect) {
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

  orm::SiteScope scope(const Site& site) const { return {*db, site.id, site.provider.id}; }
  orm::ProviderScope scope(const Provider& provider) const { return {*db, provider.id}; }
  orm::SystemScope system() const { return {*db, "a test looks at everything"}; }

  void make_tables(std::initializer_list<const orm::Table*> tables, Keys keys = Keys::all) const {
    for (const auto& sql : tables_sql(tables, db->dialect(), keys)) db->execute_script(sql);
  }

  /// Writes what the database's own keys would refuse, to see what the ORM makes of it.
  void write_around_keys(const std::string& sql) const {
    const bool sqlite = db->dialect() == db::Dialect::sqlite;
    db->execute_script(sqlite ? "PRAGMA foreign_keys = OFF; " + sql + "; PRAGMA foreign_keys = ON"
                              : "SET session_replication_role = replica; " + sql +
                                    "; SET session_replication_role = origin");
  }

  /// The database itself, asked by somebody who knows nothing of scopes.
  std::int64_t number(const std::string& sql) const { return number_from(*db, sql); }
  /// Whether it takes a write; if not, then for a foreign key.
  bool takes(const std::string& sql) const {
    try {
      db->execute(db::Statement{sql, {}, db::Access::write});
      return true;
    } catch (const db::ConstraintError& error) {
      CHECK(error.type() == db::ConstraintError::Type::foreign_key);
      return false;
    }
  }

  Article article(const User& author, std::string title) const {
    Article made;
    made.author = orm::Ref<User>(author.id);
    made.title = std::move(title);
    return made;
  }
};

/// With the tables of more models, in their order.
template <class... Models>
struct WorldWith : World {
  explicit WorldWith(db::Dialect dialect, Keys keys = Keys::all) : World(dialect, keys) {
    make_tables({&orm::table_of<Models>()...}, keys);
  }
};

}  // namespace mpf::test
