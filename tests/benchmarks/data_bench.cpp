// What MPF's data layer costs over hand-written C against libpq and SQLite, with Django for scale. All
// subjects take turns; ratios are medians of the runs' ratios by the clock.

#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>

#include "benchmarks/arguments.hpp"
#include "benchmarks/data_subject.hpp"
#include "benchmarks/measure.hpp"
#include "support/postgres.hpp"

namespace {

using namespace mpf;
using bench::Measured;
using bench::Work;

struct Options {
  std::string json_file;
  std::string only;
  unsigned runs = 7;
  bool django = true;
};

struct Case {
  const char* name;
  Work work;
  unsigned repeats;          ///< in each run; a run counts its fastest, as the others met somebody else
  bool only_sqlite = false;  ///< MPF beside C
};
constexpr Case cases[] = {{"read_10000", Work::read, 5},
                          {"get", Work::get, 3},
                          {"bulk_insert_100000", Work::bulk_insert, 1},
                          {"update", Work::update, 2},
                          {"prefetch", Work::prefetch, 5},
                          {"group_commit", Work::commits, 2, true},
                          {"search", Work::search, 3, true},
                          {"search_without_index", Work::scan, 1, true}};

struct Party {
  std::string name;
  std::string database;
  std::unique_ptr<bench::Subject> subject;
  std::vector<Measured> runs = {};
};

Measured best_of(bench::Subject& subject, const Case& of, unsigned repeats) {
  Measured best = subject.run(of.work);
  for (unsigned i = 1; i < repeats; ++i) {
    const Measured next = subject.run(of.work);
    if (next.time < best.time) best = next;
  }
  return best;
}

bool takes_part(const Party& party, const Case& in) {
  return !in.only_sqlite || (party.database == "sqlite" && party.name != "django");
}

void report(const Case& of, std::vector<Party>& parties, std::vector<bench::Row>& rows) {
  const auto series = [](const Party& party, double Measured::*value) {
    std::vector<double> values;
    for (const Measured& each : party.runs) values.push_back(each.*value);
    return values;
  };
  for (const Party& party : parties) {
    if (!takes_part(party, of)) continue;
    const std::string subject = party.name + "-" + party.database;
    const double time = bench::median(series(party, &Measured::time));
    const double cpu = bench::median(series(party, &Measured::cpu));
    rows.push_back({of.name, subject, "time", time, "us"});
    rows.push_back({of.name, subject, "cpu", cpu, "us"});
    std::string ratio;
    if (party.name == "mpf") {
      for (const Party& floor : parties) {
        if (floor.name != "floor" || floor.database != party.database) continue;
        std::vector<double> ratios;
        for (std::size_t i = 0; i < party.runs.size(); ++i) {
          ratios.push_back(party.runs[i].time / floor.runs[i].time);
        }
        rows.push_back({of.name, subject, "ratio", bench::median(ratios), ""});
        ratio = std::to_string(bench::median(ratios)).substr(0, 5);
      }
    }
    std::printf("%-20s %-16s %14.2f %14.2f %8s\n", of.name, subject.c_str(), time, cpu, ratio.c_str());
  }
  std::fflush(stdout);
}

void run_case(const Case& of, const Options& options, std::vector<Party>& parties,
              std::vector<bench::Row>& rows) {
  std::uint64_t expected = 0;
  for (Party& party : parties) party.runs.clear();
  for (unsigned run = 0; run <= options.runs; ++run) {  // the first warms up, is not counted
    for (Party& party : parties) {
      if (!takes_part(party, of)) continue;
      const Measured measured = best_of(*party.subject, of, run == 0 ? 1 : of.repeats);
      if (run == 0 && &party == parties.data()) expected = measured.check;
      if (measured.check != expected) {
        throw std::runtime_error(std::string(of.name) + ": " + party.name + "-" + party.database +
                                 " has read or written something else than the others");
      }
      if (run > 0) party.runs.push_back(measured);
    }
  }
  report(of, parties, rows);
}

void run(const Options& options) {
  test::Postgres server;
  const test::TempDir folder;
  const auto of_mpf = server.fresh();
  fiber::Runtime runtime({.loops = 1, .on_stall = [](const fiber::Stall&) {}});
  const auto in_fiber = [&](auto open) { return fiber::spawn(runtime, open).get(); };
  struct InFiber {  // connections belong to loops
    fiber::Runtime& runtime;
    std::unique_ptr<db::Database> db;
    ~InFiber() {
      fiber::spawn(runtime, [this] { db.reset(); }).get();
    }
  };
  const InFiber postgres{runtime, in_fiber([&] { return db::open_postgres(of_mpf); })};
  const InFiber sqlite{runtime, in_fiber([&] { return db::open_sqlite({.file = folder / "mpf.db"}); })};
  const InFiber durable{runtime, in_fiber([&] {
                          return db::open_sqlite(
                              {.file = folder / "mpf.db", .durability = db::SqliteOptions::Durability::full});
                        })};
  bench::fill(runtime, *postgres.db);
  bench::fill(runtime, *sqlite.db);

  std::vector<Party> parties;
  parties.push_back({"mpf", "sqlite", bench::mpf_subject(runtime, *sqlite.db, durable.db.get())});
  parties.push_back({"floor", "sqlite", bench::sqlite_floor(folder / "mpf.db")});
  parties.push_back({"mpf", "postgres", bench::mpf_subject(runtime, *postgres.db, nullptr)});
  parties.push_back({"floor", "postgres", bench::postgres_floor(of_mpf)});
  if (options.django) {
    parties.push_back({"django", "sqlite", bench::django_subject(folder / "django.db")});
    parties.push_back({"django", "postgres", bench::django_subject(server.fresh())});
  }
  std::vector<bench::Row> rows;
  std::printf("%-20s %-16s %14s %14s %8s\n", "case", "subject", "us", "CPU us", "ratio");
  for (const Case& each : cases) {
    if (options.only.empty() || options.only == each.name) run_case(each, options, parties, rows);
  }
  if (!options.json_file.empty()) bench::write_json_file(options.json_file, "data", rows);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bench::Arguments("data")
      .text("--json", "FILE", options.json_file, "writes the result there")
      .number("--runs", options.runs, "interleaved runs")
      .text("--case", "NAME", options.only, "only this one")
      .no("--no-django", options.django, "MPF and C alone")
      .parse(argc, argv);
  return bench::run_benchmark("data", [&] {
    run(options);
    return true;
  });
}
