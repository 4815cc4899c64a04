// What a migration costs those who use a portal meanwhile: over HTTP they read, write and sign in at a served
// portal whose table of items has a million rows on PostgreSQL, while another process gives that table a
// column with a default, an index, a NOT NULL and a foreign key. No request may fail, and none may wait for
// longer than a second. Then how long `make` takes with 300 models and 1,000 migrations, and `apply` of 1,000
// migrations on an empty SQLite.

#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/migrate/migrator.hpp>

#include "benchmarks/arguments.hpp"
#include "benchmarks/measure.hpp"
#include "benchmarks/migrate_load.hpp"
#include "benchmarks/migrate_portal.hpp"
#include "migrate/long_history.hpp"
#include "migrate/support.hpp"

namespace {

using mpf::bench::Row;
using mpf::migrate::Migrator;
namespace test = mpf::test;
namespace orm = mpf::orm;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string json_file;
  std::int64_t rows = 1'000'000;
  int clients = 8;
};

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  std::vector<Row> run() {
    std::printf("%-22s %10s %10s %9s %12s %12s\n", "case", "seconds", "requests", "failed", "p99 wait ms",
                "longest ms");
    live();
    test::run([&] {
      make();
      apply();
    });
    return std::move(rows_);
  }

  bool good() const { return good_; }

 private:
  void add(const std::string& of_case, const char* metric, double value, const char* unit) {
    rows_.push_back({of_case, "mpf", metric, value, unit});
  }

  void live() {
    mpf::bench::ServedPortal portal;
    mpf::bench::NextRelease next(portal.database_url());
    // The release that is served does not know these two; each item gets them, or goes without.
    next.items().columns.push_back(test::null_col("note"));
    next.items().columns.push_back(test::null_col("editor_id", orm::ColumnType::id));
    next.items().indexes.push_back(test::index("content_item", {"editor_id"}));
    next.migrate();
    portal.fill(options_.rows);
    portal.serve();
    mpf::bench::PortalLoad load(portal, options_.clients);

    measure("no_migration", load, [] { std::this_thread::sleep_for(std::chrono::seconds(5)); });
    next.items().columns.push_back(test::with_default(test::col("state"), "'draft'"));
    measure("column_with_default", load, [&] { next.migrate(); });
    next.items().indexes.push_back(test::index("content_item", {"title"}));
    measure("index", load, [&] { next.migrate(); });
    next.column("note") = test::with_default(test::col("note"), "''");
    measure("not_null", load, [&] { next.migrate(); });
    measure("release_border", load, [&] { next.pass_border(); });  // of the column that is not null now
    next.column("editor_id").references =
        orm::Reference{"auth_user", "id", orm::OnDelete::set_null, "site_id", "site_id"};
    measure("foreign_key", load, [&] { next.migrate(); });
  }

  void measure(const std::string& name, mpf::bench::PortalLoad& load, const std::function<void()>& change) {
    const auto begin = Clock::now();
    auto met = load.during(change);
    const double seconds = since(begin);
    const double p99 = met.percentile(0.99);
    std::printf("%-22s %10.2f %10zu %9zu %12.1f %12.1f  %s\n", name.c_str(), seconds, met.waits.size(),
                met.failed, p99, met.longest, met.longest_request.c_str());
    if (met.failed > 0) std::printf("  failed: %s\n", met.failure.c_str());
    add(name, "seconds", seconds, "s");
    add(name, "requests", static_cast<double>(met.waits.size()), "");
    add(name, "failed", static_cast<double>(met.failed), "");
    add(name, "wait_p99", p99, "ms");
    add(name, "wait_longest", met.longest, "ms");
    good_ = good_ && met.failed == 0 && met.longest < 1000;
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
      .number("--clients", options.clients, "that use the portal meanwhile")
      .parse(argc, argv);
  return mpf::bench::run_benchmark("migrate", [&] {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    Bench bench(options);
    const auto rows = bench.run();
    if (!options.json_file.empty()) mpf::bench::write_json_file(options.json_file, "migrate", rows);
    if (!bench.good()) {
      std::printf(
          "beyond the limits: a request failed or waited for longer than a second, or it took too long\n");
    }
    return bench.good();
  });
}
