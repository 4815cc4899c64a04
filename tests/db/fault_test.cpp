#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include <mpf/fiber/fiber.hpp>

#include "db/child.hpp"
#include "db/database.hpp"
#include "db/errors.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

void overwrite(const std::filesystem::path& file, std::streamoff offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offset);
  stream << bytes;
}

}  // namespace

TEST_CASE("a file that is no database, or a damaged one, is told with what to do") {
  fiber::run([] {
    const TempDir folder;
    const auto file = folder / "item.db";
    std::ofstream(file)
        << "This is a text file, and quite a long one, so that it cannot be taken for empty.\n"
        << std::string(4096, 'x');
    const auto no_database = error_of([&] { db::open_sqlite({.file = file}); });
    CHECK(no_database.kind() == ErrorKind::corrupt);
    CHECK(mentions(no_database, file.string() + " is not an SQLite database"));
    std::filesystem::remove(file);
    {
      const auto db = db::open_sqlite({.file = file});
      db->execute_script("CREATE TABLE t (x TEXT) STRICT");
      for (int i = 0; i < 50; ++i) db->execute(write("INSERT INTO t VALUES (?)", {std::string(4000, 'y')}));
    }
    overwrite(file, 8192, std::string(40'000, '\x5a'));
    const auto db = db::open_sqlite({.file = file});
    const auto damaged = error_of([&] { number(*db, "SELECT sum(length(x)) FROM t"); });
    CHECK(damaged.kind() == ErrorKind::corrupt);
    CHECK(mentions(damaged, file.string() + " is damaged: restore it from a backup"));
    std::filesystem::resize_file(file, 5000);
    CHECK(error_of([&] { db::open_sqlite({.file = file}); }).kind() == ErrorKind::corrupt);
  });
}

TEST_CASE("what cannot be opened is told with what to do") {
  fiber::run([] {
    const TempDir folder;
    const auto no_folder = error_of([&] { db::open_sqlite({.file = folder / "none" / "x.db"}); });
    CHECK(no_folder.kind() == ErrorKind::unavailable);
    CHECK(mentions(no_folder, "there is no folder"));
    CHECK(mentions(error_of([&] { db::open_sqlite({.file = folder / "x.db", .create = false}); }),
                   "check the path, or create it first"));
    CHECK(mentions(error_of([&] { db::open_sqlite({.file = folder.path()}); }), "no regular file"));
    CHECK(error_of([&] { db::open_sqlite({.file = ""}); }).kind() == ErrorKind::configuration);
    CHECK(error_of([&] { db::open_sqlite({.file = ":memory:"}); }).kind() == ErrorKind::configuration);
  });
}

TEST_CASE("a full disk is told, undoes the transaction, and passes") {
  fiber::run([] {
    const ItemDatabase world;
    world.add("before");
    const auto pages = number(world.db, "PRAGMA page_count");
    world.db.execute_script("PRAGMA max_page_count = " + std::to_string(pages + 2));
    const auto fill = [&] {
      world.db.transaction([&](db::Transaction&) {
        for (int i = 0; i < 100; ++i) world.add(std::to_string(i) + std::string(4000, 'x'));
      });
    };
    const auto full = error_of(fill);
    CHECK(full.kind() == ErrorKind::unavailable);
    CHECK(mentions(full, "disk full while writing database"));
    CHECK(full.public_message() == "The storage is full");
    CHECK(world.count() == 1);
    world.db.execute_script("PRAGMA max_page_count = 1000000");
    fill();
    CHECK(world.count() == 101);
  });
}

TEST_CASE("hold the lock" * doctest::skip()) {
  fiber::run([] {
    const auto db = db::open_sqlite({.file = std::getenv("MPF_TEST_DATABASE")});
    db->transaction([&](db::Transaction&) {
      sign();
      fiber::sleep_for(1h);
    });
  });
}

TEST_CASE("the lock of another process is waited for, within the timeout and the deadline") {
  const TempDir folder;
  const auto file = folder / "item.db";
  fiber::run([&] { db::open_sqlite({.file = file})->execute_script("CREATE TABLE t (x INTEGER) STRICT"); });
  Child holder("hold the lock", file);
  REQUIRE(holder.wait());
  fiber::run([&] {
    const auto insert = write("INSERT INTO t VALUES (1)");
    {
      const auto db = db::open_sqlite({.file = file, .busy_timeout = 20ms});
      const auto locked = error_of([&] { db->execute(insert); });
      CHECK(locked.kind() == ErrorKind::unavailable);
      CHECK(mentions(locked, "stayed locked by another process"));
      CHECK_THROWS_AS(db->execute(insert), db::LockTimeout);
      CHECK(number(*db, "SELECT count(*) FROM t") == 0);
    }
    const auto db = db::open_sqlite({.file = file, .busy_timeout = 1h});
    CHECK(error_of([&] {
            const fiber::DeadlineScope limit(20ms);
            db->execute(insert);
          }).kind() == ErrorKind::timeout);
    auto waiting = fiber::spawn([&] { db->execute(insert); });
    auto in_transaction =
        fiber::spawn([&] { db->transaction([&](db::Transaction&) { db->execute(insert); }); });
    fiber::yield();
    holder.kill();
    waiting.get();
    in_transaction.get();
    CHECK(number(*db, "SELECT count(*) FROM t") == 2);
  });
}

TEST_CASE("write until killed" * doctest::skip()) {
  fiber::run([] {
    const auto db = db::open_sqlite({.file = std::getenv("MPF_TEST_DATABASE")});
    for (std::int64_t i = 0;; ++i) {
      db->transaction([&](db::Transaction&) {
        db->execute(write("INSERT INTO entry VALUES (?, ?)", {i, std::string(3000, 'e')}));
        db->execute(write("UPDATE total SET entries = entries + 1"));
      });
      sign();
    }
  });
}

TEST_CASE("write from many fibers until killed" * doctest::skip()) {
  fiber::run([] {
    const auto db = db::open_sqlite(
        {.file = std::getenv("MPF_TEST_DATABASE"), .durability = db::SqliteOptions::Durability::full});
    const auto write_on = [&](std::int64_t fiber) {
      for (std::int64_t i = 0;; ++i) {
        db->transaction([&](db::Transaction&) {
          db->execute(
              write("INSERT INTO entry VALUES (?, ?)", {fiber * 1'000'000 + i, std::string(300, 'e')}));
          db->execute(write("UPDATE total SET entries = entries + 1"));
        });
        sign();
      }
    };
    std::vector<fiber::Fiber<>> fibers;
    for (std::int64_t i = 0; i < 8; ++i) fibers.push_back(fiber::spawn([&, i] { write_on(i); }));
    for (auto& each : fibers) each.get();
  });
}

TEST_CASE("a process killed while writing loses no committed transaction and leaves no half one") {
  struct Case {
    const char* child;
    std::int64_t writers;
  };
  for (const Case& each : {Case{"write until killed", 1}, {"write from many fibers until killed", 8}}) {
    CAPTURE(each.child);
    for (int round = 0; round < 5; ++round) {
      const TempDir folder;
      const auto file = folder / "item.db";
      fiber::run([&] {
        db::open_sqlite({.file = file})
            ->execute_script(
                "CREATE TABLE entry (n INTEGER, x TEXT) STRICT; CREATE TABLE total (entries INTEGER) "
                "STRICT; INSERT INTO total VALUES (0)");
      });
      Child writer(each.child, file);
      std::int64_t committed = 0;
      while (committed < 20 + 15 * round && writer.wait()) ++committed;
      writer.kill();
      while (writer.wait()) ++committed;
      fiber::run([&] {
        const auto db = db::open_sqlite({.file = file});
        const auto entries = number(*db, "SELECT count(*) FROM entry");
        CHECK(entries >= committed);
        CHECK(entries <= committed + each.writers);
        CHECK(number(*db, "SELECT entries FROM total") == entries);
        std::string verdict;
        db->execute(read("PRAGMA integrity_check"), [&](const db::Row& row) { verdict = row.text(0); });
        CHECK(verdict == "ok");
      });
    }
  }
}

TEST_CASE("change once" * doctest::skip()) {
  fiber::run([] {
    const auto db = db::open_sqlite({.file = std::getenv("MPF_TEST_DATABASE")});
    db->execute(write("INSERT INTO item (name) VALUES ('from another process')"));
    sign();
  });
}

TEST_CASE("a commit of another process moves the change counter") {
  fiber::run([] {
    const ItemDatabase world;
    const auto before = world.db.change_counter();
    Child other("change once", world.folder / "item.db");
    REQUIRE(other.wait());
    CHECK(world.db.change_counter() != before);
    CHECK(world.count() == 1);
  });
}
