#include "orm/relations.hpp"
#include "orm/secured_database.hpp"

namespace mpf::test {
namespace {

/// Notes which statements ask for a stream, and how many rows went by when the reader left.
class SpyingDatabase final : public orm::detail::ForwardingDatabase {
 public:
  using ForwardingDatabase::ForwardingDatabase;

  std::size_t rows = 0;
  std::vector<bool> streams;

  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    streams.push_back(statement.stream);
    return inner_.execute(statement, [&](const db::Row& row) {
      ++rows;
      on_row(row);
    });
  }
};

}  // namespace

TEST_CASE("each() reads a stream into one row, whatever the number of rows") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    std::vector<User> users(5'000);
    for (std::size_t i = 0; i < users.size(); ++i) users[i].email = std::to_string(i);
    world.scope(world.acme).insert_many(users);
    SpyingDatabase spy(*world.db);
    const orm::SiteScope scope(spy, world.acme.id, world.first.id);
    const auto all = scope.query<User>();

    const void* place = nullptr;
    std::size_t elsewhere = 0;
    all.each([&](User& user) {
      if (!place) place = &user;
      if (place != &user) ++elsewhere;
    });
    CHECK(elsewhere == 0);
    CHECK(spy.streams == std::vector<bool>{true});
    CHECK(spy.rows == users.size() + 1);

    struct Enough {};
    spy.rows = 0;
    CHECK_THROWS_AS(all.each([](User&) { throw Enough(); }), Enough);
    CHECK(spy.rows == 1);

    spy.streams.clear();
    CHECK(all.all().size() == users.size() + 1);
    CHECK(spy.streams == std::vector<bool>{false});
  });
}

}  // namespace mpf::test
