// What a migration costs those who use the database meanwhile: readers and writers work on a table of a
// million rows on PostgreSQL while it gets a column with a default, an index, a NOT NULL and a foreign key.
// No request may fail, and none may wait for longer than a second. Then how long `make` takes with 300 models
// and 1,000 migrations, and `apply` of 1,000 migrations on an empty SQLite.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/migrate/migrator.hpp>

#include "benchmarks/arguments.hpp"
#include "benchmarks/measure.hpp"
#include "migrate/long_history.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

namespace {

using mpf::bench::Row;
using mpf::migrate::Migrator;
namespace test = mpf::test;
namespace db = mpf::db;
namespace orm = mpf::orm;
namespace fiber = mpf::fiber;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string json_file;
  std::int64_t rows = 1'000'000;
  int workers = 8;
};

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Requests of several fibers, until told to stop, and how long each waited.
class Load {
 public:
  Load(db::Database& database, std::int64_t rows, int workers) : database_(database), rows_(rows) {
    for (int i = 0; i < workers; ++i) {
      fibers_.push_back(fiber::spawn([this, i] { work(i); }));
    }
  }

  void stop() {
    stopping_ = true;
    for (auto& each : fibers_) each.get();
    fibers_.clear();
  }

  std::size_t requests() const { return waits_.size(); }
  std::size_t failures() const { return failures_; }
  const std::string& failure() const { return failure_; }
  double longest() const { return waits_.empty() ? 0 : *std::ranges::max_element(waits_); }
  double percentile(double part) {
    if (waits_.empty()) return 0;
    std::ranges::sort(waits_);
    return waits_[static_cast<std::size_t>(static_cast<double>(waits_.size() - 1) * part)];
  }

 private:
  void work(int worker) {
    std::uint64_t random = 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(worker + 1);
    while (!stopping_) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      const auto id = static_cast<std::int64_t>(random % static_cast<std::uint64_t>(rows_)) + 1;
      const auto begin = Clock::now();
      try {
        request(worker % 4, id);
      } catch (const mpf::Error& e) {
        ++failures_;
        failure_ = e.what();
      }
      waits_.push_back(since(begin) * 1000);
      fiber::sleep_for(std::chrono::milliseconds(2));
    }
  }

  void request(int kind, std::int64_t id) {
    switch (kind) {
      case 0:
        database_.execute({"UPDATE item SET hits = hits + 1 WHERE id = $1", {id}, db::Access::write});
        break;
      case 1:
        database_.execute(
            {"INSERT INTO item (title, hits, note) VALUES ('new', 0, 'n')", {}, db::Access::write});
        break;
      case 2:
        database_.transaction([&](db::Transaction&) {
          database_.execute({"SELECT title FROM item WHERE id = $1", {id}, db::Access::read});
          database_.execute({"UPDATE item SET title = title || '.' WHERE id = $1", {id}, db::Access::write});
        });
        break;
      default:
        database_.execute(
            {"SELECT id, title, hits FROM item WHERE id BETWEEN $1 AND $1 + 20", {id}, db::Access::read});
    }
  }

  db::Database& database_;
  const std::int64_t rows_;
  std::atomic<bool> stopping_{false};
  std::vector<fiber::Fiber<>> fibers_;
  std::vector<double> waits_;  // one loop: no lock needed
  std::size_t failures_ = 0;
  std::string failure_;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  std::vector<Row> run() {
    std::printf("%-22s %10s %10s %9s %12s %12s\n", "case", "seconds", "requests", "failed", "p99 wait ms",
                "longest ms");
    live();
    make();
    apply();
    return std::move(rows_);
  }

  bool good() const { return good_; }

 private:
  void add(const std::string& of_case, const char* metric, double value, const char* unit) {
    rows_.push_back({of_case, "mpf", metric, value, unit});
  }

  void live() {
    const test::Modules modules;
    const auto options = test::Postgres::shared().fresh();
    const auto database = db::open_postgres(options);
    const auto other = db::open_postgres(options);  // migrations come from another process
    auto item =
        test::table("item", {test::id_col(), test::col("title"), test::col("hits", orm::ColumnType::bigint),
                             test::null_col("note"), test::null_col("owner_id", orm::ColumnType::id)});
    const auto owner = test::table("owner", {test::id_col()});
    const auto migrate = [&] {
      Migrator migrator(other.get(), {modules.models("bench", {item, owner})});
      migrator.make();
      migrator.apply();
    };
    migrate();
    database->execute_long("INSERT INTO owner DEFAULT VALUES");
    database->execute_long(
        "INSERT INTO item (title, hits, note, owner_id) SELECT 'Title number ' || n, 0, CASE WHEN n % 2 = 0 "
        "THEN 'n' "
        "END, 1 FROM generate_series(1, " +
        std::to_string(options_.rows) + ") n");
    database->execute_long("ANALYZE item");

    const auto measure = [&](const std::string& name, const std::function<void()>& change) {
      change();
      Load load(*database, options_.rows, options_.workers);
      const auto begin = Clock::now();
      if (name == "no_migration") {
        fiber::sleep_for(std::chrono::seconds(3));
      } else {
        migrate();
      }
      const double seconds = since(begin);
      load.stop();
      const double p99 = load.percentile(0.99);
      std::printf("%-22s %10.2f %10zu %9zu %12.1f %12.1f\n", name.c_str(), seconds, load.requests(),
                  load.failures(), p99, load.longest());
      if (load.failures() > 0) std::printf("  failed: %s\n", load.failure().c_str());
      add(name, "seconds", seconds, "s");
      add(name, "requests", static_cast<double>(load.requests()), "");
      add(name, "failed", static_cast<double>(load.failures()), "");
      add(name, "wait_p99", p99, "ms");
      add(name, "wait_longest", load.longest(), "ms");
      good_ = good_ && load.failures() == 0 && load.longest() < 1000;
    };
    measure("no_migration", [] {});
    measure("column_with_default",
            [&] { item.columns.push_back(test::with_default(test::col("state"), "'draft'")); });
    measure("index", [&] { item.indexes.push_back(test::index("item", {"title"})); });
    measure("not_null", [&] { item.columns[3] = test::with_default(test::col("note"), "''"); });
    measure("foreign_key",
            [&] { item.columns[4] = test::ref_col("owner_id", "owner", orm::OnDelete::set_null, true); });
  }

  void make() {
    const test::Modules modules;
    auto models = test::write_long_history(modules, "bench");
    models[7].columns.push_back(test::null_col("fresh"));
    const auto begin = Clock::now();
    const auto made = Migrator(nullptr, {modules.models("bench", models)})
                          .make({.name = {}, .dry_run = true, .reason = {}});
    if (made.size() != 1) throw std::runtime_error("make found something else than one new column");
    report("make_300_models", since(begin), 1);
  }

  void apply() {
    const test::Modules modules;
    const auto models = test::write_long_history(modules, "bench");
    const auto database = modules.open();
    Migrator migrator(database.get(), {modules.models("bench", models)});
    const auto begin = Clock::now();
    if (migrator.apply().size() != 1000) throw std::runtime_error("not all migrations were applied");
    report("apply_1000", since(begin), 5);
  }

  void report(const std::string& name, double seconds, double limit) {
    std::printf("%-22s %10.2f   (limit %.0f s)\n", name.c_str(), seconds, limit);
    add(name, "seconds", seconds, "s");
    good_ = good_ && seconds < limit;
  }

  const Options options_;
  std::vector<Row> rows_;
  bool good_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  mpf::bench::Arguments("migrate")
      .text("--json", "FILE", options.json_file, "writes the result there")
      .number("--rows", options.rows, "of the table")
      .number("--workers", options.workers, "readers and writers at the same time")
      .parse(argc, argv);
  return mpf::bench::run_benchmark("migrate", [&] {
    bool good = false;
    std::vector<Row> rows;
    fiber::RuntimeOptions runtime;
    runtime.loops = 1;
    runtime.stall_threshold = std::chrono::milliseconds(0);
    fiber::run(
        [&] {
          Bench bench(options);
          rows = bench.run();
          good = bench.good();
        },
        runtime);
    if (!options.json_file.empty()) mpf::bench::write_json_file(options.json_file, "migrate", rows);
    if (!good)
      std::printf(
          "beyond the limits: a request failed or waited for longer than a second, or it took too long\n");
    return good;
  });
}
