#include <doctest/doctest.h>

#include <mutex>
#include <source_location>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>
#include <mpf/telemetry/logger.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

class Lines final : public telemetry::Logger {
 public:
  Lines() : Logger(log::Level::warning) {}
  void write(const telemetry::LogRecord& record) noexcept override {
    const std::scoped_lock lock(mutex_);
    lines_.emplace_back(record.message);
  }
  std::vector<std::string> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace

TEST_CASE("a transaction that waits for something else is told of, once for each place and kind of wait") {
  on_each_database([](db::Dialect dialect) {
    const auto lines = std::make_shared<Lines>();
    const auto use = telemetry::use(lines);
    const ItemDatabase world(dialect);
    for (int i = 0; i < 3; ++i) {
      world.db.transaction([&](db::Transaction&) {
        world.add("a" + std::to_string(i));
        fiber::sleep_for(1us);
        world.db.transaction([&](db::Transaction&) { fiber::sleep_for(1us); });
      });
    }
    const unsigned begun = std::source_location::current().line() - 6;
    const auto told = lines->take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("wait_warning_test.cpp:" + std::to_string(begun) + " waits for a sleep") !=
          std::string::npos);

    world.db.transaction([&](db::Transaction&) {
      fiber::sleep_for(1us);  // another place
      CHECK(fiber::offload([] { return 1; }) == 1);
    });
    CHECK(lines->take().size() == 2);
  });
}

TEST_CASE("what belongs to a transaction, or happens beside it, is no wait to tell of") {
  on_each_database([](db::Dialect dialect) {
    const auto lines = std::make_shared<Lines>();
    const auto use = telemetry::use(lines);
    const ItemDatabase world(dialect);
    fiber::Mutex mutex;
    world.db.transaction([&](db::Transaction& transaction) {
      world.add("a");
      CHECK(world.count() == 1);
      world.db.transaction([&](db::Transaction&) { world.add("b"); });
      fiber::yield();
      const std::scoped_lock lock(mutex);
      auto beside = fiber::spawn([] { fiber::sleep_for(1us); });
      beside.get();
      transaction.on_commit([] { fiber::sleep_for(1us); });
    });
    fiber::sleep_for(1us);
    CHECK(lines->take().empty());
  });
}
