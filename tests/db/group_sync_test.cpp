#include <sys/syscall.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/database.hpp"
#include "db/errors.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {
std::atomic<int> syncs{0};
std::atomic<bool> disk_held{false};
std::atomic<bool> disk_broken{false};
}  // namespace

/// Stands before the C library's: a disk that counts, takes its time, and fails.
extern "C" int fdatasync(int file) {
  ++syncs;
  disk_held.wait(true);
  if (disk_broken) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

TEST_CASE("sqlite: writes of many fibers share a sync, and none returns before it") {
  fiber::run([] {
    const ItemDatabase world({.durability = db::SqliteOptions::Durability::full});
    world.add("first");
    const int before = syncs;
    disk_held = true;
    std::atomic<int> returned{0};
    std::atomic<int> told{0};
    std::vector<fiber::Fiber<>> fibers;
    for (int i = 0; i < 50; ++i) {
      fibers.push_back(fiber::spawn([&, i] {
        const std::string name = std::to_string(i);
        if (i % 2 == 0) {
          world.add(name);
        } else {
          world.db.transaction([&](db::Transaction& transaction) {
            transaction.on_commit([&] { ++told; });
            world.add(name);
            if (i % 10 == 1) throw Error(ErrorKind::invalid, "not this one");  // takes nobody along
          });
        }
        ++returned;
      }));
    }
    while (world.count() < 46) fiber::yield();  // others see them already
    CHECK(returned == 0);
    CHECK(told == 0);
    disk_held = false;
    disk_held.notify_all();
    int refused = 0;
    for (auto& each : fibers) {
      try {
        each.get();
      } catch (const Error&) {
        ++refused;
      }
    }
    CHECK(refused == 5);
    CHECK(returned == 45);
    CHECK(told == 20);
    CHECK(world.count() == 46);
    CHECK(syncs - before >= 1);
    CHECK(syncs - before <= 2);
  });
}

TEST_CASE("sqlite: a disk that does not confirm a commit is told, and the next one counts again") {
  fiber::run([] {
    const ItemDatabase world({.durability = db::SqliteOptions::Durability::full});
    bool told = false;
    disk_broken = true;
    const auto failed = error_of([&] {
      world.db.transaction([&](db::Transaction& transaction) {
        transaction.on_commit([&] { told = true; });
        world.add("a");
      });
    });
    const auto alone = error_of([&] { world.add("b"); });
    disk_broken = false;
    CHECK(failed.kind() == ErrorKind::unavailable);
    CHECK(mentions(failed, "the disk did not confirm what was committed"));
    CHECK(alone.kind() == ErrorKind::unavailable);
    CHECK(!told);
    world.add("c");
    CHECK(world.count() == 3);
  });
}

TEST_CASE("sqlite: without full durability no write waits for the disk") {
  fiber::run([] {
    const ItemDatabase world;
    const int before = syncs;
    for (int i = 0; i < 20; ++i) world.add(std::to_string(i));
    CHECK(syncs == before);
  });
}
