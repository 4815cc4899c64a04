#include "orm/relations.hpp"

#include <mpf/base/text.hpp>
#include <mpf/db/query_log.hpp>

namespace mpf::test {

using orm::asc;
using orm::f;

TEST_CASE("cursors are signed by the key of the application") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.system();
    for (const char* code : {"AT", "BE", "CH", "DE", "ES"}) scope.insert(Country{.code = code});
    const auto list = scope.query<Country>().order_by(asc<&Country::code>);
    const auto page = [&](std::string_view after, std::string_view key) {
      return list.page({.size = 2, .after = after, .key = key});
    };
    const auto refused = [&](std::string_view after, std::string_view key) {
      try {
        page(after, key);
        return false;
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::invalid);
        CHECK(std::string_view(error.what()).find("cursor") != std::string_view::npos);
        return true;
      }
    };
    const std::string key = "a secret of the application";
    const auto first = page("", key);
    CHECK(page(first.next, key).rows.at(0).code == "CH");
    CHECK(refused(first.next, "another secret"));
    CHECK(refused(first.next, ""));
    CHECK(refused(page("", "").next, key));
    // Each change of each byte, the signature left as it was.
    const std::string bytes = base64url_decode(first.next).value();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      CHECK(refused(base64url_encode(changed), key));
    }
    CHECK(refused(first.next.substr(0, first.next.size() / 2), key));
    // It belongs to its list, however well it is signed.
    CHECK_THROWS_AS(scope.query<Country>()
                        .order_by(orm::desc<&Country::code>)
                        .page({.size = 2, .after = first.next, .key = key}),
                    Error);
  });
}

TEST_CASE("statements of scopes tell where their verbs were called") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    const auto told = [&](const auto& work) {
      const db::QueryLogScope log;
      work();
      REQUIRE(log->statements() > 0);
      for (const auto& origin : log->origins()) {
        CHECK_MESSAGE(origin.where.find("cursor_test.cpp") != std::string::npos, origin.where);
      }
    };
    User user{.email = "eve@acme.test", .name = "Eve"};
    told([&] { scope.insert(user); });
    told([&] { scope.find<User>(user.id); });
    user.name = "Eva";
    told([&] { scope.update(user); });
    told([&] { scope.update<&User::name>(user); });
    told([&] { scope.get_or_create<&User::email>(User{.email = "f@acme.test", .name = "F"}); });
    told([&] {
      User same{.email = "eve@acme.test", .name = "E"};
      scope.upsert<&User::email>(same);
    });
    told([&] {
      std::vector<User> few{{.email = "1@acme.test", .name = "1"}, {.email = "2@acme.test", .name = "2"}};
      scope.insert_many(few);
      scope.update_many(few);
    });
    told([&] { scope.query<User>().count(); });
    told([&] { scope.remove<User>(user.id); });
  });
}

}  // namespace mpf::test
