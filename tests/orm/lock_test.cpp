#include <algorithm>

#include "orm/relations.hpp"

/// Rows that are held by one transaction while others want them, on PostgreSQL: SQLite has one writer.
namespace mpf::test {
namespace {

using orm::asc;
using orm::f;

struct Ticket {
  orm::Id id;
  std::int64_t taken_by = 0;

  static constexpr auto model() { return orm::model<Ticket>("ticket", orm::field<&Ticket::taken_by>()); }
};

struct Booth {
  FreshDatabase db{db::Dialect::postgres};
  orm::SystemScope scope{*db, "a test looks at everything"};
  std::vector<Ticket> tickets;

  explicit Booth(std::size_t count) : tickets(count) {
    for (const auto& sql : orm::create_table_sql(orm::table_of<Ticket>(), db::Dialect::postgres)) {
      db->execute_script(sql);
    }
    scope.insert_many(tickets);
  }

  /// Until another connection waits for a row that a transaction holds.
  void await_waiter() const {
    bool waits = false;
    while (!waits) {
      db->execute({"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND "
                   "wait_event_type = 'Lock'",
                   {},
                   db::Access::read},
                  [&](const db::Row& row) { waits = row.boolean(0); });
    }
  }
};

}  // namespace

TEST_CASE("for_update() makes others wait, who then see what was written") {
  fiber::run([] {
    const Booth booth(1);
    const auto held = booth.scope.query<Ticket>().for_update();
    std::optional<fiber::Fiber<std::int64_t>> other;
    booth.scope.transaction([&] {
      Ticket mine = held.one();
      other = fiber::spawn(
          [&] {
            return booth.scope.transaction([&] {
              Ticket ticket = held.one();
              ticket.taken_by += 10;
              booth.scope.update(ticket);
              return ticket.taken_by;
            });
          },
          {.inherit = false});
      fiber::spawn([&] { booth.await_waiter(); }, {.inherit = false}).get();
      mine.taken_by = 1;
      booth.scope.update(mine);
    });
    CHECK(other->get() == 11);
    CHECK(booth.scope.get<Ticket>(booth.tickets[0].id).taken_by == 11);
  });
}

TEST_CASE("skip_locked passes over what others hold: each row has one taker") {
  fiber::run([] {
    constexpr std::size_t takers = 4;
    constexpr std::size_t tickets = 40;
    const Booth booth(tickets);
    std::vector<fiber::Fiber<std::vector<std::int64_t>>> fibers;
    for (std::size_t i = 0; i < takers; ++i) {
      fibers.push_back(fiber::spawn([&booth, i] {
        std::vector<std::int64_t> taken;
        for (bool more = true; more;) {
          more = booth.scope.transaction([&] {
            auto ticket = booth.scope.query<Ticket>()
                              .where(f<&Ticket::taken_by> == 0)
                              .order_by(asc<&Ticket::id>)
                              .limit(1)
                              .for_update(orm::LockWait::skip_locked)
                              .first();
            if (!ticket) return false;
            ticket->taken_by = static_cast<std::int64_t>(i + 1);
            booth.scope.update(*ticket);
            taken.push_back(ticket->id.value);
            return true;
          });
        }
        return taken;
      }));
    }
    std::vector<std::int64_t> all;
    for (auto& each : fibers) {
      const auto taken = each.get();
      all.insert(all.end(), taken.begin(), taken.end());
    }
    std::ranges::sort(all);
    CHECK(std::ranges::adjacent_find(all) == all.end());
    CHECK(all.size() == tickets);
  });
}

TEST_CASE("who would rather not wait is told at once, and who shares may") {
  fiber::run([] {
    const Booth booth(2);
    const auto query = booth.scope.query<Ticket>().order_by(asc<&Ticket::id>);
    booth.scope.transaction([&] {
      CHECK(query.limit(1).for_update().one().id == booth.tickets[0].id);
      fiber::spawn(
          [&] {
            booth.scope.transaction([&] {
              const auto free = query.for_update(orm::LockWait::skip_locked).all();
              REQUIRE(free.size() == 1);
              CHECK(free[0].id == booth.tickets[1].id);
            });
            CHECK_THROWS_AS(booth.scope.transaction([&] { query.for_update(orm::LockWait::fail).all(); }),
                            db::LockTimeout);
          },
          {.inherit = false})
          .get();
    });
    booth.scope.transaction([&] {
      CHECK(query.for_share().all().size() == 2);
      fiber::spawn(
          [&] {
            booth.scope.transaction([&] { CHECK(query.for_share(orm::LockWait::fail).all().size() == 2); });
          },
          {.inherit = false})
          .get();
    });
  });
}

}  // namespace mpf::test
