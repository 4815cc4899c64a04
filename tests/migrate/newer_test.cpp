#include <doctest/doctest.h>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::MigrationState;
using migrate::Migrator;

namespace {

orm::Table item() { return test::table("item", {test::id_col(), test::col("name")}); }

/// Two releases: the files of the one before, and those of the one that is deployed.
class Releases {
 public:
  Releases() {
    auto table = item();
    for (const auto* column : {"", "one", "two"}) {
      if (*column != '\0') table.columns.push_back(test::null_col(column));
      Migrator(nullptr, {next_.models("m", {table})}).make();
    }
    table.columns.pop_back();
    before_ = {table};
    table.columns.push_back(test::null_col("two"));
    after_ = {table};
  }

  /// The release before knows all files but these.
  void cut(const std::vector<std::string>& files) const {
    std::filesystem::remove_all(old_.folder("m"));
    std::filesystem::create_directories(old_.folder("m"));
    std::filesystem::copy(next_.folder("m"), old_.folder("m"), std::filesystem::copy_options::recursive);
    for (const auto& file : files) std::filesystem::remove(old_.folder("m") / (file + ".yaml"));
    old_.accept("m");
  }

  Migrator before(db::Database& database) const { return Migrator(&database, {old_.models("m", before_)}); }
  Migrator after(db::Database& database) const { return Migrator(&database, {next_.models("m", after_)}); }
  void add_branch(const std::string& name) const {
    next_.write("m", name,
                "migration:\n  module: m\n  name: " + name +
                    "\n  depends: [m/0002_add_one]\noperations:\n  - add_column:\n      table: item\n      "
                    "column: {name: branch, type: text, nullable: true}\n");
  }
  std::filesystem::path folder_before() const { return old_.folder("m"); }
  void accept_before() const { old_.accept("m"); }

 private:
  test::Modules old_;
  test::Modules next_;
  std::vector<orm::Table> before_;
  std::vector<orm::Table> after_;
};

}  // namespace

TEST_CASE("a release goes on beside a database that the next one has migrated, and changes nothing there") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const Releases releases;
      const test::FreshDatabase database(dialect);
      releases.cut({"0003_add_two"});
      CHECK(releases.before(*database).apply().size() == 2);
      CHECK(releases.after(*database).apply().size() == 1);
      auto old = releases.before(*database);
      CHECK(old.pending().empty());
      CHECK(old.newer() == std::vector<migrate::MigrationId>{{"m", "0003_add_two"}});
      CHECK(old.apply().empty());
      CHECK(old.show().at(2).state == MigrationState::newer);
      for (const auto& refused :
           {test::error_of([&] { old.rollback("m"); }), test::error_of([&] { old.plan(); })}) {
        CHECK(test::contains(refused, "m/0003_add_two is applied, and its file is gone: if a newer release"));
        CHECK_FALSE(test::contains(refused, "fake"));
      }
      const auto report = old.check();
      REQUIRE(report.files.size() == 2);
      CHECK(test::contains(report.files[1], "the tables are not compared"));
      CHECK(report.catalog.empty());
      CHECK(releases.after(*database).newer().empty());
      // The next one has gone back: the one before may change the database again.
      releases.after(*database).rollback("m", "0003");
      CHECK(old.newer().empty());
      CHECK(old.rollback("m").size() == 1);
      CHECK(old.pending().size() == 1);
      CHECK(old.apply().size() == 1);
    });
  }
}

TEST_CASE("records below what is known, and edited files, are refused as ever") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const Releases releases;
      releases.add_branch("0003_branch");
      const test::FreshDatabase database(dialect);
      releases.after(*database).apply({.module = "m", .name = "0003_add_two"});
      releases.after(*database).apply();
      auto old = releases.before(*database);
      // Its file is of a branch that came first, and those of the other are known.
      releases.cut({"0003_add_two"});
      CHECK(test::contains(test::error_of([&] { old.pending(); }),
                           "m/0003_add_two is applied, and its file is gone: bring the file back"));
      CHECK(old.newer().empty());
      CHECK(old.show().back().state == MigrationState::missing);
      // The number says nothing of branches; when it was applied does.
      releases.cut({"0003_branch"});
      CHECK(old.pending().empty());
      CHECK(old.newer().size() == 1);
      const auto file = releases.folder_before() / "0002_add_one.yaml";
      write_file_atomic(file, read_file(file) + "# edited\n");
      CHECK(test::contains(test::error_of([&] { old.pending(); }), "m/0002_add_one was edited"));
    });
  }
}

TEST_CASE("a squash is adopted under the feet of the release before, which runs on and may come back") {
  for (const auto dialect : test::databases()) {
    for (const bool fresh : {false, true}) {
      CAPTURE(fresh);
      test::run([&] {
        const Releases releases;
        const test::FreshDatabase database(dialect);
        releases.cut({});
        if (!fresh) releases.before(*database).apply();
        releases.after(*database).squash("m", "0001", "0003");
        CHECK(releases.after(*database).apply().size() == (fresh ? 1 : 0));
        auto old = releases.before(*database);
        CHECK(old.pending().empty());
        CHECK(old.show().at(0).state == MigrationState::applied);
        CHECK(releases.after(*database).pending().empty());
        CHECK(releases.after(*database).show().size() == 1);
        CHECK(releases.after(*database).check().catalog.empty());
        releases.after(*database).rollback("m", "0001");
        CHECK(test::number(*database, "SELECT count(*) FROM mpf_migration") == 0);
        CHECK(old.pending().size() == 3);
      });
    }
  }
}

TEST_CASE("a squash of which a part is applied is shown and checked, and refused only where it matters") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const Releases releases;
      const test::FreshDatabase database(dialect);
      releases.cut({"0003_add_two"});
      releases.before(*database).apply();
      auto next = releases.after(*database);
      next.squash("m", "0001", "0003");
      CHECK(test::contains(test::error_of([&] { next.apply(); }), "only some of what was squashed"));
      const auto statuses = next.show();
      REQUIRE(statuses.size() == 3);
      CHECK(statuses[0].state == MigrationState::pending);
      CHECK(statuses[1].state == MigrationState::missing);
      const auto report = next.check();
      REQUIRE_FALSE(report.files.empty());
      CHECK(test::contains(report.files[0], "only some of what was squashed"));
      CHECK(report.catalog.empty());
    });
  }
}

TEST_CASE("check finds what differs in the tables also where history does not fit the files") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const Releases releases;
      const test::FreshDatabase database(dialect);
      releases.cut({});
      auto migrator = releases.before(*database);
      migrator.apply();
      const auto file = releases.folder_before() / "0003_add_two.yaml";
      write_file_atomic(file, read_file(file) + "# edited\n");
      releases.accept_before();
      database->execute_script("ALTER TABLE item ADD COLUMN by_hand text");
      const auto report = migrator.check();
      REQUIRE(report.files.size() == 1);
      CHECK(test::contains(report.files[0], "0003_add_two was edited"));
      REQUIRE(report.catalog.size() == 1);
      CHECK(test::contains(report.catalog[0], "by_hand"));
    });
  }
}
