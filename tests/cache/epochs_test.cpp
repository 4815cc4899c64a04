#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/fiber/fiber.hpp>

#include "support/place.hpp"

using namespace std::chrono_literals;
using mpf::cache::Cache;
using mpf::cache::Group;
using mpf::cache::key;
using mpf::db::Access;

namespace {

const Group content = Group::system("content");

struct Rollback {};

/// One process's cache on the database in a folder.
struct Process {
  explicit Process(const mpf::test::DatabasePlace& place)
      : db(place.open()),
        cache(std::make_unique<Cache>(mpf::cache::CacheOptions{}, mpf::cache::database_epochs(*db))) {}

  std::int64_t load(int row) const {
    std::int64_t version = 0;
    db->execute({"SELECT version FROM item WHERE id = ?", {std::int64_t{row}}},
                [&](const mpf::db::Row& found) { version = found.integer(0); });
    return version;
  }
  std::int64_t get(int row = 1, const Group& group = content) const {
    return *cache->get<std::int64_t>(key("item", row), group, [&] { return load(row); });
  }
  void set(int row, std::int64_t version) const {
    db->execute({"UPDATE item SET version = ? WHERE id = ?", {version, std::int64_t{row}}, Access::write});
  }
  void change(std::int64_t version, const Group& group = content, int row = 1) const {
    db->transaction([&](mpf::db::Transaction&) {
      set(row, version);
      cache->bump(group);
    });
  }

  std::unique_ptr<mpf::db::Database> db;
  std::unique_ptr<Cache> cache;
};

void create_tables(mpf::db::Database& db) {
  db.execute_script("CREATE TABLE mpf_cache_epoch (" + mpf::test::id_column(db.dialect()) +
                    ", group_path TEXT NOT NULL UNIQUE, number INTEGER "
                    "NOT "
                    "NULL);"
                    "CREATE TABLE item (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);"
                    "INSERT INTO item VALUES (1, 1), (2, 1), (3, 1), (4, 1)");
}

/// Two processes on one database.
template <class Fn>
void with_processes(Fn&& fn) {
  mpf::fiber::run([&] {
    const mpf::test::DatabasePlace place;
    const Process here(place);
    const Process there(place);
    create_tables(*here.db);
    fn(here, there);
  });
}

/// Whether the value comes out of the cache.
bool is_kept(const Process& process, std::int64_t version, int row = 1, const Group& group = content) {
  const auto loads = process.cache->stats().loads;
  return process.get(row, group) == version && process.cache->stats().loads == loads;
}

}  // namespace

TEST_CASE("a bump counts at commit, here and in the other process") {
  with_processes([](const Process& here, const Process& there) {
    CHECK(here.get() == 1);
    CHECK(there.get() == 1);
    here.db->transaction([&](mpf::db::Transaction&) {
      here.set(1, 2);
      here.cache->bump(content);
      CHECK(here.get() == 2);  // its own
      CHECK(mpf::fiber::spawn([&] { return here.get(); }).get() == 1);
      CHECK(there.get() == 1);
    });
    CHECK(here.get() == 2);
    CHECK(there.get() == 2);
    there.change(3);
    CHECK(here.get() == 3);
    CHECK(there.get() == 3);
    CHECK(is_kept(here, 3));
  });
}

TEST_CASE("commits without a bump leave the cache alone") {
  with_processes([](const Process& here, const Process& there) {
    CHECK(here.get() == 1);
    there.set(2, 9);
    there.change(5, Group::system("other"), 3);
    CHECK(is_kept(here, 1));
  });
}

TEST_CASE("a bump that is rolled back has not been") {
  with_processes([](const Process& here, const Process&) {
    CHECK(here.get() == 1);
    CHECK_THROWS_AS(here.db->transaction([&](mpf::db::Transaction&) {
      here.set(1, 2);
      here.cache->bump(content);
      CHECK(here.get() == 2);
      throw Rollback();
    }),
                    Rollback);
    CHECK(is_kept(here, 1));
    CHECK(here.load(1) == 1);
    std::int64_t bumps = -1;
    here.db->execute({"SELECT count(*) FROM mpf_cache_epoch", {}},
                     [&](const mpf::db::Row& row) { bumps = row.integer(0); });
    CHECK(bumps == 0);
  });
}

TEST_CASE("savepoints keep or take back their bumps") {
  with_processes([](const Process& here, const Process& there) {
    const Group a = content.child("a");
    const Group b = content.child("b");
    CHECK(here.get(1, a) == 1);
    CHECK(here.get(2, b) == 1);
    CHECK(there.get(1, a) == 1);
    here.db->transaction([&](mpf::db::Transaction&) {
      here.change(2, a, 1);  // a savepoint of its own
      CHECK_THROWS_AS(here.db->transaction([&](mpf::db::Transaction&) {
        here.change(2, b, 2);
        CHECK(here.get(2, b) == 2);
        throw Rollback();
      }),
                      Rollback);
      CHECK(here.get(1, a) == 2);
      CHECK(here.get(2, b) == 1);
      here.change(3, a, 1);
    });
    CHECK(here.get(1, a) == 3);
    CHECK(there.get(1, a) == 3);
    CHECK(is_kept(here, 1, 2, b));
  });
}

TEST_CASE("what a transaction loads is not kept, what is cached it may read") {
  with_processes([](const Process& here, const Process&) {
    CHECK(here.get(1) == 1);
    CHECK_THROWS_AS(here.db->transaction([&](mpf::db::Transaction&) {
      CHECK(is_kept(here, 1, 1));
      here.set(2, 77);  // and no bump: a mistake that must not spread
      CHECK(here.get(2) == 77);
      throw Rollback();
    }),
                    Rollback);
    CHECK(here.get(2) == 1);
  });
}

TEST_CASE("a transaction sees bumps of others that were committed before it") {
  with_processes([](const Process& here, const Process& there) {
    CHECK(here.get() == 1);
    there.change(2);
    here.db->transaction([&](mpf::db::Transaction&) { CHECK(here.get() == 2); });
    CHECK(here.get() == 2);
  });
}

TEST_CASE("a database put back to an earlier state outdates everything") {
  with_processes([](const Process& here, const Process& there) {
    for (int i = 2; i < 10; ++i) here.change(i);
    CHECK(here.get() == 9);
    there.db->execute_script("DELETE FROM mpf_cache_epoch; UPDATE item SET version = 1");
    CHECK(here.get() == 1);
    there.change(2);
    CHECK(here.get() == 2);
    here.change(3);
    CHECK(here.get() == 3);
    CHECK(there.get() == 3);
  });
}

TEST_CASE("without its table the cache says so") {
  mpf::fiber::run([] {
    const mpf::test::DatabasePlace place;
    const Process here(place);
    CHECK_THROWS_WITH_AS(here.get(), doctest::Contains("mpf_cache_epoch"), mpf::Error);
  });
}

TEST_CASE("the migration ships with the library") {
  const auto file = mpf::cache::migrations().find("0001_initial.yaml");
  REQUIRE(file);
  CHECK(file->find("mpf_cache_epoch") != std::string_view::npos);
}

TEST_CASE("under real concurrency no value is older than what was finished before") {
  mpf::fiber::run(
      [] {
        const mpf::test::DatabasePlace place;
        const std::array<Process, 2> processes{Process(place), Process(place)};
        create_tables(*processes[0].db);
        std::array<std::atomic<std::int64_t>, 5> finished{};
        for (auto& version : finished) version = 1;
        std::atomic<int> stale{0};
        std::atomic<bool> writing{true};
        std::vector<mpf::fiber::Fiber<>> readers;
        std::vector<mpf::fiber::Fiber<>> writers;
        auto& runtime = mpf::fiber::Loop::current()->runtime();
        for (unsigned i = 0; i < 6; ++i) {
          readers.push_back(mpf::fiber::spawn(
              [&, i] {
                std::mt19937 random(i);
                while (writing) {
                  const int row = 1 + static_cast<int>(random() % 4);
                  const auto floor = finished[static_cast<std::size_t>(row)].load();
                  if (processes[i % 2].get(row, content.child(std::to_string(row % 2))) < floor) ++stale;
                  mpf::fiber::yield();
                }
              },
              {.loop = &runtime.next_loop()}));
        }
        for (int row = 1; row <= 4; ++row) {
          writers.push_back(mpf::fiber::spawn(
              [&, row] {
                for (std::int64_t version = 2; version <= 40; ++version) {
                  const Group group = content.child(std::to_string(row % 2));
                  processes[static_cast<std::size_t>(version % 2)].change(
                      version, version % 5 == 0 ? content : group, row);
                  finished[static_cast<std::size_t>(row)] = version;
                }
              },
              {.loop = &runtime.next_loop()}));
        }
        for (auto& writer : writers) writer.get();
        writing = false;
        for (auto& reader : readers) reader.get();
        CHECK(stale == 0);
        CHECK(processes[0].cache->stats().hits + processes[1].cache->stats().hits > 0);
      },
      {.loops = 3});
}
