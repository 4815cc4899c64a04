#include <string>

#include <fmt/core.h>

#include "orm/relations.hpp"

/// References within one tenant, as the database keeps them without the ORM's help.
namespace mpf::test {
namespace {

/// Refers to users of its site in every way that there is.
struct Duty {
  orm::Id id;
  orm::Ref<Site> site;
  std::optional<orm::Ref<User>> strict;
  std::optional<orm::Ref<User>> along;
  std::optional<orm::Ref<User>> cleared;
  std::optional<orm::Ref<User>> handed;
  std::optional<orm::Ref<Duty>> before;

  static constexpr auto model() {
    using enum orm::OnDelete;
    return orm::model<Duty>("duty", orm::field<&Duty::site>(orm::tenant),
                            orm::field<&Duty::strict>(orm::on_delete(restrict)),
                            orm::field<&Duty::along>(orm::on_delete(cascade)),
                            orm::field<&Duty::cleared>(orm::on_delete(set_null)),
                            orm::field<&Duty::handed>(orm::on_delete(set_default), orm::default_value("1")),
                            orm::field<&Duty::before>(orm::on_delete(do_nothing)));
  }
};

/// Belong to providers.
struct Palette {
  orm::Id id;
  orm::Ref<Provider> provider;
  orm::Ref<Theme> theme;

  static constexpr auto model() {
    return orm::model<Palette>("palette", orm::field<&Palette::provider>(orm::provider_tenant),
                               orm::field<&Palette::theme>());
  }
};

struct Duties : WorldWith<Duty, Palette> {
  User cleo;  ///< of acme, which nothing refers to but what a test makes

  explicit Duties(db::Dialect dialect) : WorldWith(dialect) {
    cleo = scope(acme).insert(User{.email = "cleo@acme.test", .name = "Cleo"});
  }

  Duty add(std::optional<orm::Ref<User>> Duty::*member, const User& user) const {
    Duty duty;
    duty.*member = orm::Ref<User>(user.id);
    scope(acme).insert(duty);
    return duty;
  }
};

}  // namespace

TEST_CASE("the database refuses rows that point into another tenant, whoever writes them") {
  on_each_database([](db::Dialect dialect) {
    const Duties f(dialect);
    const auto insert = [&](const Site& site, const char* column, orm::Id to) {
      return f.takes(fmt::format("INSERT INTO duty (site_id, handed_id, {0}) VALUES ({1}, NULL, {2})", column,
                                 site.id.value, to.value));
    };
    for (const char* column : {"strict_id", "along_id", "cleared_id"}) {
      CAPTURE(column);
      CHECK(insert(f.acme, column, f.ann.id));
      CHECK_FALSE(insert(f.acme, column, f.bob.id));
      CHECK_FALSE(insert(f.annex, column, f.ann.id));
      CHECK_FALSE(f.takes(fmt::format("UPDATE duty SET {} = {} WHERE site_id = {}", column, f.bob.id.value,
                                      f.acme.id.value)));
    }
    // Nothing is referred to: nothing to compare.
    CHECK(f.takes(fmt::format("INSERT INTO duty (site_id, handed_id) VALUES ({}, NULL)", f.globex.id.value)));
    // A row cannot be moved to another tenant while it refers to one of its own, or is referred to.
    const Duty kept = f.add(&Duty::strict, f.cleo);
    CHECK_FALSE(
        f.takes(fmt::format("UPDATE duty SET site_id = {} WHERE id = {}", f.globex.id.value, kept.id.value)));
    CHECK_FALSE(f.takes(
        fmt::format("UPDATE \"user\" SET site_id = {} WHERE id = {}", f.globex.id.value, f.cleo.id.value)));
  });
}

TEST_CASE("references between models of providers are kept apart as well") {
  on_each_database([](db::Dialect dialect) {
    const Duties f(dialect);
    const Theme theme = f.system().insert(Theme{.provider = orm::Ref<Provider>(f.first.id), .name = "plain"});
    const auto insert = [&](const Provider& provider) {
      return f.takes(fmt::format("INSERT INTO palette (provider_id, theme_id) VALUES ({}, {})",
                                 provider.id.value, theme.id.value));
    };
    CHECK(insert(f.first));
    CHECK_FALSE(insert(f.second));
  });
}

TEST_CASE("what becomes of rows when the row of their tenant that they refer to is deleted") {
  on_each_database([](db::Dialect dialect) {
    const Duties f(dialect);
    const auto scope = f.scope(f.acme);
    const std::string remove = fmt::format("DELETE FROM \"user\" WHERE id = {}", f.cleo.id.value);

    const Duty strict = f.add(&Duty::strict, f.cleo);
    CHECK_FALSE(f.takes(remove));
    scope.remove<Duty>(strict.id);

    const Duty along = f.add(&Duty::along, f.cleo);
    const Duty cleared = f.add(&Duty::cleared, f.cleo);
    const Duty handed = f.add(&Duty::handed, f.cleo);
    CHECK(f.takes(remove));
    CHECK_FALSE(scope.find<Duty>(along.id));
    const Duty left = scope.get<Duty>(cleared.id);
    CHECK(left.site.id == f.acme.id);
    CHECK_FALSE(left.cleared);
    CHECK(scope.get<Duty>(handed.id).handed->id == f.ann.id);
  });
}

TEST_CASE("a default that belongs to another tenant is refused like any other row of it") {
  on_each_database([](db::Dialect dialect) {
    const Duties f(dialect);
    const User dan = f.scope(f.globex).insert(User{.email = "dan@globex.test", .name = "Dan"});
    Duty duty;
    duty.handed = orm::Ref<User>(dan.id);
    f.scope(f.globex).insert(duty);
    CHECK_FALSE(f.takes(fmt::format("DELETE FROM \"user\" WHERE id = {}", dan.id.value)));
    CHECK(f.scope(f.globex).get<Duty>(duty.id).handed->id == dan.id);
  });
}

TEST_CASE("do_nothing looks when the statement is done") {
  on_each_database([](db::Dialect dialect) {
    const Duties f(dialect);
    const Duty first = f.scope(f.acme).insert(Duty{});
    Duty second;
    second.before = orm::Ref<Duty>(first.id);
    f.scope(f.acme).insert(second);
    CHECK_FALSE(f.takes(fmt::format("DELETE FROM duty WHERE id = {}", first.id.value)));
    CHECK(f.takes(fmt::format("DELETE FROM duty WHERE id IN ({}, {})", first.id.value, second.id.value)));
  });
}

}  // namespace mpf::test
