#include <doctest/doctest.h>

#include <mpf/orm/changeset.hpp>

#include "orm/relations.hpp"

// Unique sets: upsert() and get_or_create() where a value of the key is absent or the set lacks the tenant,
// and what a changeset makes of the database's refusals.

namespace mpf::test {
namespace {

using orm::f;

/// The system's and the providers', each name once.
struct Look {
  orm::Id id;
  std::optional<orm::Ref<Provider>> provider;
  std::string name;
  std::string color;

  static constexpr auto model() {
    return orm::model<Look>("look", orm::field<&Look::provider>(orm::provider_or_system),
                            orm::field<&Look::name>(), orm::field<&Look::color>(),
                            orm::unique<&Look::provider, &Look::name>(orm::nulls_equal), orm::change_log());
  }
};

/// The same, where rows without a provider are all different.
struct Motto {
  orm::Id id;
  std::optional<orm::Ref<Provider>> provider;
  std::string text;

  static constexpr auto model() {
    return orm::model<Motto>("motto", orm::field<&Motto::provider>(orm::provider_or_system),
                             orm::field<&Motto::text>(), orm::unique<&Motto::provider, &Motto::text>());
  }
};

/// A name that is taken for all sites.
struct Handle {
  orm::Id id;
  orm::Ref<Site> site;
  std::string name;
  std::string owner;

  static constexpr auto model() {
    return orm::model<Handle>("handle", orm::field<&Handle::site>(orm::tenant),
                              orm::field<&Handle::name>(orm::unique()), orm::field<&Handle::owner>());
  }
};

struct Account {
  orm::Id id;
  orm::Ref<Site> site;
  std::string email;

  static constexpr auto model() {
    return orm::model<Account>("account", orm::field<&Account::site>(orm::tenant),
                               orm::field<&Account::email>(),
                               orm::unique<&Account::site>(orm::lowered<&Account::email>));
  }
};

struct Shop : WorldWith<Look, Motto, Handle, Account, orm::Change> {
  using WorldWith::WorldWith;
};

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const ValidationError& error) {
    return error.fields().at(0).path + ": " + error.fields().at(0).code;
  }
  return "nothing was refused";
}

TEST_CASE("rows without a part of their key are found again where absent values are equal") {
  on_each_database([](db::Dialect dialect) {
    const Shop shop(dialect);
    const auto all = shop.system();
    const auto [first, made] = all.get_or_create<&Look::name>(Look{.name = "dark", .color = "black"});
    CHECK(made);
    const auto [second, again] = all.get_or_create<&Look::name>(Look{.name = "dark", .color = "white"});
    CHECK(!again);
    CHECK(second.id == first.id);
    CHECK(second.color == "black");
    Look upserted{.name = "dark", .color = "grey"};
    all.upsert<&Look::name>(upserted);
    CHECK(upserted.id == first.id);
    CHECK(all.get<Look>(first.id).color == "grey");
    // A provider's row of the same name is another one.
    const auto provider = shop.scope(shop.first);
    CHECK(provider.get_or_create<&Look::name>(Look{.name = "dark"}).second);
    CHECK(!provider.get_or_create<&Look::name>(Look{.name = "dark"}).second);
    std::vector<Look> looks{{.name = "dark", .color = "1"}, {.name = "light", .color = "2"}};
    all.upsert_many<&Look::name>(looks);
    CHECK(looks[0].id == first.id);
    CHECK(all.query<Look>().count() == 3);
    // The log knows an update from an insert.
    std::vector<std::string> log;
    for (const orm::Change& change : orm::changes_of<Look>(all, first.id)) log.push_back(change.action);
    CHECK(log == std::vector<std::string>{"insert", "update", "update"});
  });
}

TEST_CASE("a key without one of its values is refused where absent values are different") {
  on_each_database([](db::Dialect dialect) {
    const Shop shop(dialect);
    const auto all = shop.system();
    Motto motto{.text = "onward"};
    CHECK(refusal([&] { all.get_or_create<&Motto::text>(Motto{.text = "onward"}); }) == "provider: required");
    CHECK(refusal([&] { all.upsert<&Motto::text>(motto); }) == "provider: required");
    std::vector<Motto> mottos{{.provider = orm::Ref(shop.first), .text = "a"}, {.text = "b"}};
    CHECK(refusal([&] { all.upsert_many<&Motto::text>(mottos); }) == "[1].provider: required");
    CHECK(all.query<Motto>().count() == 0);
    // A scope that has the provider gives it to its rows.
    CHECK(shop.scope(shop.first).get_or_create<&Motto::text>(Motto{.text = "onward"}).second);
    CHECK(!shop.scope(shop.acme).get_or_create<&Motto::text>(Motto{.text = "onward"}).second);
  });
}

TEST_CASE("a unique set without the tenant does not open another tenant's row") {
  on_each_database([](db::Dialect dialect) {
    const Shop shop(dialect);
    const auto theirs = shop.scope(shop.globex).insert(Handle{.name = "bob", .owner = "globex"});
    const auto acme = shop.scope(shop.acme);
    Handle mine{.name = "bob", .owner = "acme"};
    CHECK(kind_of([&] { acme.upsert<&Handle::name>(mine); }) == ErrorKind::conflict);
    std::vector<Handle> several{{.name = "new", .owner = "acme"}, {.name = "bob", .owner = "acme"}};
    CHECK(kind_of([&] { acme.upsert_many<&Handle::name>(several); }) == ErrorKind::conflict);
    CHECK(kind_of([&] { acme.get_or_create<&Handle::name>(Handle{.name = "bob"}); }) == ErrorKind::conflict);
    CHECK(shop.system().get<Handle>(theirs.id).owner == "globex");
    CHECK(shop.system().get<Handle>(theirs.id).site.id == shop.globex.id);
    CHECK(shop.system().query<Handle>().count() == 1);
    Handle again{.name = "bob", .owner = "Bob"};
    shop.scope(shop.globex).upsert<&Handle::name>(again);
    CHECK(shop.system().get<Handle>(theirs.id).owner == "Bob");
  });
}

TEST_CASE("a value that is taken but for its case is told by its field") {
  on_each_database([](db::Dialect dialect) {
    const Shop shop(dialect);
    const auto scope = shop.scope(shop.acme);
    scope.insert(Account{.email = "ann@acme.test"});
    orm::Changeset<Account> changes;
    changes.row().email = "Ann@Acme.test";
    CHECK(refusal([&] { orm::apply(scope, changes); }) == "email: unique");
    std::vector<orm::Changeset<Account>> list(2);
    list[0].row().email = "cy@acme.test";
    list[1].row().email = "ANN@acme.test";
    CHECK(refusal([&] { orm::apply(scope, list); }) == "[1].email: unique");
    CHECK(scope.query<Account>().count() == 1);
  });
}

TEST_CASE("a reference that the database alone refuses is told by its field") {
  on_each_database([](db::Dialect dialect) {
    const Shop shop(dialect);
    const auto all = shop.system();
    orm::Changeset<Handle> changes;
    changes.row() = {.site = orm::Ref<Site>(orm::Id(999)), .name = "x"};
    CHECK(refusal([&] { orm::apply(all, changes); }) == "site: reference");
    CHECK(!changes.row().id);
    std::vector<orm::Changeset<Handle>> list(2);
    list[0].row() = {.site = orm::Ref<Site>(shop.acme.id), .name = "y"};
    list[1].row() = {.site = orm::Ref<Site>(orm::Id(999)), .name = "z"};
    CHECK(refusal([&] { orm::apply(all, list); }) == "[1].site: reference");
    CHECK(all.query<Handle>().count() == 0);
    changes.row().site = orm::Ref<Site>(shop.acme.id);
    CHECK(orm::apply(all, changes));
  });
}

}  // namespace
}  // namespace mpf::test
