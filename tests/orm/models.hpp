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

std::vector<std::string> tables_sql(std::initializer_list<const orm::Table*> tables, db::Dialect dialect,
                                    Keys keys = Keys::all);

/// Of what body throws.
ErrorKind kind_of(const std::function<void()>& body);

/// The field that a refused write names, and why: "title: max_length".
std::string refused_field(const std::function<void()>& body);

std::int64_t number_from(db::Database& db, const std::string& sql);

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

  explicit World(db::Dialect dialect = db::Dialect::sqlite, Keys keys = Keys::all);

  orm::SiteScope scope(const Site& site) const { return {*db, site.id, site.provider.id}; }
  orm::ProviderScope scope(const Provider& provider) const { return {*db, provider.id}; }
  orm::SystemScope system() const { return {*db, "a test looks at everything"}; }

  void make_tables(std::initializer_list<const orm::Table*> tables, Keys keys = Keys::all) const;

  /// Writes what the database's own keys would refuse, to see what the ORM makes of it.
  void write_around_keys(const std::string& sql) const;

  /// The database itself, asked by somebody who knows nothing of scopes.
  std::int64_t number(const std::string& sql) const { return number_from(*db, sql); }
  /// Whether it takes a write; if not, then for a foreign key.
  bool takes(const std::string& sql) const;

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

// Described once, in models.cpp, and not by each test.
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Provider>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Site>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Theme>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::User>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Article>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Country>();
