#include "benchmarks/techempower_server.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include <mpf/base/text.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/runtime.hpp>
#include <mpf/http/server.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::bench {

namespace {

using http::Method;
using http::Request;
using http::Response;

struct Greeting {
  std::string message;
  static constexpr auto describe() { return mpf::describe(mpf::field<&Greeting::message>()); }
};

std::int32_t random_number() {
  static thread_local std::minstd_rand dice(std::random_device{}());
  return std::uniform_int_distribution<std::int32_t>(1, static_cast<std::int32_t>(worlds))(dice);
}

orm::Id random_id() { return orm::Id(random_number()); }

/// How many are asked for: 1 to 500, and 1 for what is no number.
std::size_t count_of(const Request& request, std::string_view name) {
  const std::string text = request.query(name).value_or("");
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return std::clamp<std::size_t>(count, 1, 500);
}

/// Sent to the database together.
std::vector<World> random_worlds(const orm::SystemScope& scope, std::size_t count) {
  orm::Batch batch(scope);
  std::vector<orm::Awaited<std::optional<World>>> found;
  found.reserve(count);
  for (std::size_t i = 0; i < count; ++i) found.push_back(batch.find<World>(random_id()));
  batch.run();
  std::vector<World> all;
  all.reserve(count);
  for (const auto& each : found) all.push_back(**each);
  return all;
}

void store(const orm::SystemScope& scope, std::vector<World>& changed) {
  scope.update_many<&World::random_number>(changed);
}

/// Rows change in the order of their ids, each once, so that two requests never wait for each other in a
/// circle.
std::vector<World> update_worlds(const orm::SystemScope& scope, std::size_t count) {
  std::vector<World> all = random_worlds(scope, count);
  std::ranges::sort(all, {}, &World::id);
  for (World& world : all) world.random_number = random_number();
  std::vector<World> distinct;
  std::ranges::unique_copy(all, std::back_inserter(distinct), {}, &World::id);
  store(scope, distinct);
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].id == all[i - 1].id) all[i] = all[i - 1];
  }
  return all;
}

std::string fortunes_page(const std::vector<Fortune>& fortunes) {
  std::string page;
  page.reserve(2048);
  page +=
      "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
      "<tr><th>id</th><th>message</th></tr>";
  for (const Fortune& fortune : fortunes) {
    page += "<tr><td>";
    page += std::to_string(fortune.id.value);
    page += "</td><td>";
    page += escape_html(fortune.message);
    page += "</td></tr>";
  }
  page += "</table></body></html>";
  return page;
}

constexpr std::array fortune_messages{
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link. — Donald Knuth",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    R"(<script>alert("This should not be displayed in a browser alert box.");</script>)",
    "フレームワークのベンチマーク"};

}  // namespace

void fill_techempower(db::Database& db) {
  for (const orm::Table& table : {orm::table_of<World>(), orm::table_of<Fortune>()}) {
    for (const std::string& sql : orm::create_table_sql(table, db.dialect())) db.execute_script(sql);
  }
  const orm::SystemScope scope(db, "benchmark");
  std::vector<World> rows(worlds);
  for (World& world : rows) world.random_number = random_number();
  scope.insert_many(rows);
  std::vector<Fortune> fortunes;
  for (const char* const message : fortune_messages) fortunes.push_back({.id = {}, .message = message});
  scope.insert_many(fortunes);
  db.execute_script("ANALYZE");
}

void add_techempower_routes(http::Router& router, db::Database& db) {
  const orm::SystemScope scope(db, "the tests know no tenants");
  const auto cache = std::make_shared<cache::Cache>();

  router.add(Method::get, "/plaintext", [](Request&) { return Response::text("Hello, World!"); });
  router.add(Method::get, "/json", [](Request&) { return Response::json(Greeting{"Hello, World!"}); });
  router.add(Method::get, "/db", [scope](Request&) { return Response::json(scope.get<World>(random_id())); });
  router.add(Method::get, "/queries", [scope](Request& request) {
    return Response::json(random_worlds(scope, count_of(request, "queries")));
  });
  router.add(Method::get, "/updates", [scope](Request& request) {
    return Response::json(update_worlds(scope, count_of(request, "queries")));
  });
  router.add(Method::get, "/fortunes", [scope](Request&) {
    std::vector<Fortune> fortunes = scope.query<Fortune>().all();
    fortunes.push_back({.id = {}, .message = "Additional fortune added at request time."});
    std::ranges::sort(fortunes, {}, &Fortune::message);
    return Response::html(fortunes_page(fortunes));
  });
  router.add(Method::get, "/cached-queries",
             [scope, cache, group = cache::Group::system("worlds")](Request& request) {
               std::vector<std::shared_ptr<const World>> all(count_of(request, "count"));
               for (auto& each : all) {
                 const orm::Id id = random_id();
                 each =
                     cache->get<World>(cache::key("world", id), group, [&] { return scope.get<World>(id); });
               }
               std::vector<World> answer;
               answer.reserve(all.size());
               for (const auto& each : all) answer.push_back(*each);
               return Response::json(answer);
             });
}

std::uint16_t serve_techempower(const db::PostgresOptions& options) {
  static fiber::Runtime runtime({.on_stall = [](const fiber::Stall&) {}});
  static http::Router router;
  static const auto db = fiber::spawn(runtime, [&] { return db::open_postgres(options); }).get();
  add_techempower_routes(router, *db);
  static http::Server server(runtime, router, {.port = 0});
  server.start();
  return server.port();
}

}  // namespace mpf::bench
