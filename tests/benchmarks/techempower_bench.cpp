// The TechEmpower tests, written as a user of MPF would, against PostgreSQL; beside Django under gunicorn
// and, for scale, a bare epoll loop that answers with the same JSON. wrk loads them in turn; the ratio is the
// median of the runs' ratios of CPU time per request of the server process, without the database's.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include <mpf/base/json.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/client.hpp>

#include "benchmarks/arguments.hpp"
#include "benchmarks/bare_server.hpp"
#include "benchmarks/measure.hpp"
#include "benchmarks/techempower_server.hpp"
#include "support/postgres.hpp"

namespace {

using namespace mpf;
using bench::Child;
using bench::Row;
using bench::World;

struct Options {
  std::string json_file;
  std::string only;
  unsigned runs = 5;
  bool django = true;
  bench::Load load{.seconds = 1, .host = {}};
};

struct Case {
  std::string name;
  std::string path;
  std::size_t worlds = 0;  ///< how many the answer has
};

std::vector<Case> all_cases() {
  std::vector<Case> cases{
      {"plaintext", "/plaintext"}, {"json", "/json"}, {"db", "/db"}, {"fortunes", "/fortunes"}};
  for (const char* const kind : {"queries", "updates"}) {
    for (const std::size_t count : {1U, 5U, 10U, 15U, 20U}) {
      const std::string number = std::to_string(count);
      cases.push_back(
          {std::string(kind) + "_" + number, "/" + std::string(kind) + "?queries=" + number, count});
    }
  }
  for (const std::size_t count : {1U, 10U, 20U, 50U, 100U}) {
    const std::string number = std::to_string(count);
    cases.push_back({"cached_queries_" + number, "/cached-queries?count=" + number, count});
  }
  return cases;
}

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("wrong answer: " + what);
}

/// That a server does what the tests are about, before anybody looks at how fast.
class Verification {
 public:
  Verification(const Child& server, std::string who, test::Postgres& database,
               const std::string& database_name)
      : server_(server), who_(std::move(who)), database_(database), database_name_(database_name) {}

  void run() {
    const auto plain = get("/plaintext");
    require(plain.body == "Hello, World!" &&
                plain.headers.find("Content-Type").value_or("").starts_with("text/plain"),
            who_ + "/plaintext: " + plain.body);
    const auto json = get("/json");
    require(without_spaces(json.body) == R"({"message":"Hello,World!"})" &&
                json.headers.find("Content-Type").value_or("").starts_with("application/json"),
            who_ + "/json: " + json.body);
    for (const char* const header : {"Server", "Date"}) {
      require(json.headers.find(header).has_value(), who_ + " sends no " + header);
    }
    check_world(from_json<World>(get("/db").body));
    const std::map<std::string, std::size_t> counts{{"", 1},    {"0", 1},     {"foo", 1},  {"1", 1},
                                                    {"20", 20}, {"500", 500}, {"501", 500}};
    for (const auto& [text, count] : counts) {
      for (const auto& world : list("/queries?queries=" + text, count)) check_world(world);
      for (const auto& world : list("/cached-queries?count=" + text, count)) check_world(world);
    }
    // Last: the tests do not ask that what is cached follows.
    for (const auto& [text, count] : counts) check_updates(list("/updates?queries=" + text, count));
    check_fortunes(get("/fortunes"));
  }

 private:
  http::ClientResponse get(const std::string& path) const {
    auto response = client_.get("http://127.0.0.1:" + std::to_string(server_.port()) + path);
    require(response.status == 200, who_ + path + " has status " + std::to_string(response.status));
    return response;
  }

  std::vector<World> list(const std::string& path, std::size_t count) const {
    auto found = from_json<std::vector<World>>(get(path).body);
    require(found.size() == count, who_ + path + " has " + std::to_string(found.size()) + " rows");
    for (const World& world : found) {
      require(world.id.value >= 1 && world.id.value <= bench::worlds && world.random_number >= 1 &&
                  world.random_number <= bench::worlds,
              who_ + path + " has a row out of range");
    }
    return found;
  }

  void check_world(const World& world) {
    if (stored_.empty()) read_stored();
    require(stored_.at(world.id.value) == world.random_number,
            who_ + ": the database has another number for world " + world.id.to_string());
  }

  void check_updates(const std::vector<World>& changed) {
    const auto before = stored_;
    read_stored();
    std::size_t differing = 0;
    for (const World& world : changed) {
      require(stored_.at(world.id.value) == world.random_number,
              who_ + "/updates: world " + world.id.to_string() + " was not stored");
      if (before.at(world.id.value) != world.random_number) ++differing;
    }
    require(differing > 0 || changed.size() < 5, who_ + "/updates changed nothing");
  }

  void check_fortunes(const http::ClientResponse& page) const {
    require(page.headers.find("Content-Type").value_or("").starts_with("text/html"),
            who_ + "/fortunes is no HTML");
    std::size_t rows = 0;
    for (std::size_t at = page.body.find("<tr><td>"); at != std::string::npos;
         at = page.body.find("<tr><td>", at + 1)) {
      ++rows;
    }
    require(rows == 13, who_ + "/fortunes has " + std::to_string(rows) + " rows");
    require(page.body.find("<script>") == std::string::npos &&
                page.body.find("&lt;script&gt;alert(") != std::string::npos,
            who_ + "/fortunes is not escaped");
    require(page.body.find("フレームワークのベンチマーク") != std::string::npos,
            who_ + "/fortunes is no UTF-8");
    const auto added = page.body.find("Additional fortune added at request time.");
    require(added != std::string::npos && added > page.body.find("A list is only as strong") &&
                added < page.body.find("After enough decimal places"),
            who_ + "/fortunes is not sorted");
  }

  void read_stored() {
    const std::string text = database_.psql(database_name_, "SELECT id || ' ' || random_number FROM world;");
    const char* at = text.c_str();
    for (char* end = nullptr;; at = end) {
      const long id = std::strtol(at, &end, 10);
      if (end == at) break;
      stored_[id] = static_cast<std::int32_t>(std::strtol(end, &end, 10));
    }
  }

  static std::string without_spaces(std::string text) {
    std::erase(text, ' ');
    return text;
  }

  const Child& server_;
  std::string who_;
  test::Postgres& database_;
  const std::string& database_name_;
  http::Client client_;
  std::map<std::int64_t, std::int32_t> stored_;
};

void report(const std::string& name, const char* subject, const bench::Series& series, std::vector<Row>& rows,
            std::optional<double> ratio = {}) {
  const double cpu = bench::median(series.cpu);
  const double rate = bench::median(series.rate);
  std::printf("%-20s %-8s %16.2f %14.0f %8s\n", name.c_str(), subject, cpu, rate,
              ratio ? std::to_string(*ratio).substr(0, 5).c_str() : "");
  std::fflush(stdout);
  rows.push_back({name, subject, "cpu_per_request", cpu, "us"});
  rows.push_back({name, subject, "requests_per_second", rate, "1/s"});
  if (ratio) rows.push_back({name, subject, "ratio", *ratio, ""});
}

std::uint16_t serve_bare() {
  const std::string body = R"({"message":"Hello, World!"})";
  static bench::BareServer server(
      "HTTP/1.1 200 OK\r\nServer: bare\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: "
      "application/json\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body,
      std::thread::hardware_concurrency());
  server.start();
  return server.port();
}

Child django_server(const db::PostgresOptions& database) {
  const std::uint16_t port = bench::free_port();
  ::setenv("BENCH_HOST", database.host.c_str(), 1);
  ::setenv("BENCH_PORT", std::to_string(database.port).c_str(), 1);
  ::setenv("BENCH_USER", database.user.c_str(), 1);
  ::setenv("BENCH_DATABASE", database.database.c_str(), 1);
  const std::string folder = std::string(MPF_BENCHMARKS_FOLDER) + "/django";
  return {{"/usr/bin/python3", "-B", "/usr/bin/gunicorn", "--chdir", folder, "-c",
           folder + "/gunicorn.conf.py", "-b", "127.0.0.1:" + std::to_string(port), "techempower.wsgi"},
          port};
}

void run(const Options& options) {
  test::Postgres server;
  const auto database = server.fresh();
  {  // a process of its own: servers are forked before there are threads here
    const Child filled([&] {
      fiber::run([&] { bench::fill_techempower(*db::open_postgres(database)); });
      return std::uint16_t{1};
    });
  }
  const Child mpf([&] { return bench::serve_techempower(database); });
  const Child bare(serve_bare);
  std::optional<Child> django;
  if (options.django) django.emplace(django_server(database));
  Verification(mpf, "mpf", server, database.database).run();
  if (django) Verification(*django, "django", server, database.database).run();

  std::vector<Row> rows;
  std::printf("%-20s %-8s %16s %14s %8s\n", "case", "server", "CPU us/request", "requests/s", "ratio");
  for (const Case& each : all_cases()) {
    if (!options.only.empty() && options.only != each.name) continue;
    const bool with_bare = each.name == "db" || each.name == "json";
    bench::Series of_mpf;
    bench::Series of_django;
    bench::Series of_bare;
    std::vector<double> ratios;
    for (unsigned run = 0; run <= options.runs; ++run) {
      auto load = options.load;
      if (run == 0) load.seconds = 1;  // warms up, is not counted
      std::optional<bench::Sample> floor;
      if (with_bare) floor = measure(bare, "/", load);
      const auto ours = measure(mpf, each.path, load);
      std::optional<bench::Sample> theirs;
      if (django) theirs = measure(*django, each.path, load);
      if (run == 0) continue;
      of_mpf.add(ours);
      if (theirs) of_django.add(*theirs);
      if (!floor) continue;
      of_bare.add(*floor);
      ratios.push_back(ours.cpu_per_request / floor->cpu_per_request);
    }
    if (with_bare) report(each.name, "bare", of_bare, rows);
    report(each.name, "mpf", of_mpf, rows, with_bare ? std::optional(bench::median(ratios)) : std::nullopt);
    if (django) report(each.name, "django", of_django, rows);
  }
  if (!options.json_file.empty()) bench::write_json_file(options.json_file, "techempower", rows);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bench::Arguments("techempower")
      .text("--json", "FILE", options.json_file, "writes the result there")
      .number("--runs", options.runs, "interleaved runs")
      .number("--seconds", options.load.seconds, "of each run")
      .number("--connections", options.load.connections, "of the load")
      .text("--case", "NAME", options.only, "only this one: plaintext, json, db, fortunes, queries_20…")
      .no("--no-django", options.django, "MPF and the bare server alone")
      .parse(argc, argv);
  return bench::run_benchmark("techempower", [&] {
    run(options);
    return true;
  });
}
