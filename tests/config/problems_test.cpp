#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/config/configuration.hpp>

#include "config/support.hpp"

using namespace mpf;
using config::Configuration;
using config::ConfigurationError;
using config::Problem;
using test::HttpSettings;
using test::ItemSettings;
using test::source;

namespace {

std::vector<Problem> problems_of(Configuration::Options options) {
  auto configuration = Configuration::load(std::move(options));
  configuration.section<HttpSettings>("http");
  configuration.section<ItemSettings>("content.item");
  configuration.section<HttpSettings>("http");  // again: nothing is told twice
  try {
    configuration.finish();
  } catch (const ConfigurationError& error) {
    return error.problems();
  }
  return {};
}

std::vector<std::string> problems_in(const std::string& yaml) {
  Configuration::Options options;
  options.sources = {source({{"shared.yaml", yaml}})};
  options.environment = {{"MPF_CONTENT__ITEM__KEY", "k"}};
  std::vector<std::string> texts;
  for (const Problem& problem : problems_of(options)) texts.push_back(problem.to_string());
  return texts;
}

std::string message_for_profile(const std::string& profile, std::vector<config::ProfileSource> sources) {
  Configuration::Options options;
  options.profile = profile;
  options.sources = std::move(sources);
  try {
    Configuration::load(options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::configuration);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("all problems are told at once, with their places") {
  Configuration::Options options;
  options.profile = "prod";
  options.sources = {source({{"shared.yaml", "http:\n  prot: 80\n  port: abc\n"},
                             {"prod.yaml",
                              "htpp:\n  port: 1\nhttp:\n  mode: slow\n  proxies: 5\n"
                              "  timeouts:\n    read: 30\n    idle: [1]\n"}},
                            "app")};
  options.environment = {{"MPF_CONTENT__ITEM__PAGE_SIZE", "many"}, {"MPF_HTTP__ADRESS", "x"}};
  options.overrides = {{"http.port", "70000"}, {"http.moed", "fast"}};
  CHECK(problems_of(options) ==
        std::vector<Problem>{
            {"override", "http.port", "must be between 0 and 65535"},
            {"app/prod.yaml:4:9", "http.mode", "expected one of: fast, safe, got \"slow\""},
            {"app/prod.yaml:5:12", "http.proxies", "expected a list, got \"5\""},
            {"app/prod.yaml:7:11", "http.timeouts.read",
             "expected a time such as 250ms, 30s, 5m or 1h30m, got \"30\""},
            {"app/prod.yaml:8:11", "http.timeouts.idle",
             "expected a time such as 250ms, 30s, 5m or 1h30m, got a list"},
            {"environment variable MPF_CONTENT__ITEM__PAGE_SIZE", "content.item.page_size",
             "expected a whole number, got \"many\""},
            {"", "content.item.key",
             "is required (signs links): set it as environment variable MPF_CONTENT__ITEM__KEY, or with !env "
             "or !file in a profile"},
            {"app/shared.yaml:2:3", "http.prot", "unknown setting, did you mean \"port\"?"},
            {"app/prod.yaml:1:1", "htpp", "unknown section, did you mean \"http\"?"},
            {"environment variable MPF_HTTP__ADRESS", "",
             "unknown setting, did you mean \"MPF_HTTP__ADDRESS\"?"},
            {"override", "http.moed", "unknown setting, did you mean \"http.mode\"?"},
        });
}

TEST_CASE("the message has a line for each problem") {
  Configuration::Options options;
  options.sources = {source({{"shared.yaml", "http: {port: x, mode: y}"}})};
  auto configuration = Configuration::load(options);
  configuration.section<HttpSettings>("http");
  CHECK_THROWS_WITH_AS(configuration.finish(),
                       "the configuration has 2 problems:\n"
                       "  shared.yaml:1:14: http.port: expected a whole number, got \"x\"\n"
                       "  shared.yaml:1:23: http.mode: expected one of: fast, safe, got \"y\"",
                       ConfigurationError);
}

TEST_CASE("values out of range") {
  CHECK(problems_in("http: {port: 0}") ==
        std::vector<std::string>{"shared.yaml:1:14: http.port: must be at least 1"});
  CHECK(problems_in("http: {port: 60001}") ==
        std::vector<std::string>{"shared.yaml:1:14: http.port: must be at most 60000"});
  CHECK(problems_in("http: {port: -1}") ==
        std::vector<std::string>{"shared.yaml:1:14: http.port: must be between 0 and 65535"});
  CHECK(problems_in("http: {timeouts: {read: 0}}") ==
        std::vector<std::string>{"shared.yaml:1:25: http.timeouts.read: must be at least 1ms"});
  CHECK(problems_in("http: {timeouts: {idle: 1500ms}}") ==
        std::vector<std::string>{"shared.yaml:1:25: http.timeouts.idle: is finer than this setting can be"});
}

TEST_CASE("files that are no profile") {
  CHECK(problems_in("http: {port: 1").at(0).find("is no YAML") != std::string::npos);
  CHECK(problems_in("a: b: c").at(0).starts_with("shared.yaml:1:"));
  CHECK(problems_in("- a\n- b") ==
        std::vector<std::string>{"shared.yaml:1:1: a profile is a map of sections"});
  CHECK(problems_in("http: {port: 1}\n---\nhttp: {port: 2}").at(0).find("not several") != std::string::npos);
  CHECK(problems_in("http:\n  port: 1\n  port: 2") ==
        std::vector<std::string>{"shared.yaml:3:3: http.port: is there twice, first at shared.yaml:2:3"});
  CHECK(problems_in("http: 5") ==
        std::vector<std::string>{"shared.yaml:1:7: http: expected a map of settings"});
  CHECK(problems_in("http: {? [a] : b}").at(0).find("keys must be plain text") != std::string::npos);
  CHECK(problems_in("http: {address: !secret x}").at(0).find("unknown tag !secret") != std::string::npos);
  CHECK(problems_in("").empty());
  CHECK(problems_in("# only a comment").empty());
}

TEST_CASE("aliases that repeat themselves end") {
  std::string bomb = "a: &x0 [y, y]\n";
  for (int i = 1; i < 25; ++i) {
    const auto before = "*x" + std::to_string(i - 1);
    bomb += "b" + std::to_string(i) + ": &x" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  CHECK_FALSE(problems_in(bomb).empty());
}

TEST_CASE("secrets never appear in messages") {
  Configuration::Options options;
  options.sources = {source({{"shared.yaml", "content.item:\n  key: [hush, hush]\n  kee: hush"}})};
  for (const Problem& problem : problems_of(options)) {
    CHECK(problem.to_string().find("hush") == std::string::npos);
  }
  CHECK(problems_of(options).size() == 2);
}

namespace {

struct Servers {
  std::vector<Secret> keys;
  std::map<std::string, Secret> named;
  std::int64_t shards = 1;
  static std::optional<std::string> wrong_shards(const std::int64_t& shards) {
    if (shards % 2 == 0 || shards == 1) return {};
    return "must be even, or 1";
  }
  static constexpr auto describe() {
    return mpf::describe(field<&Servers::keys>(), field<&Servers::named>(),
                         field<&Servers::shards>(config::max(99), config::check(wrong_shards)));
  }
};

std::vector<std::string> problems_of_servers(const std::string& yaml) {
  Configuration::Options options;
  options.sources = {source({{"shared.yaml", yaml}})};
  auto configuration = Configuration::load(options);
  configuration.section<Servers>("servers");
  std::vector<std::string> texts;
  try {
    configuration.finish();
  } catch (const ConfigurationError& error) {
    for (const Problem& problem : error.problems()) texts.push_back(problem.to_string());
  }
  return texts;
}

}  // namespace

TEST_CASE("secrets of lists and maps appear in no message either") {
  CHECK(problems_of_servers("servers: {keys: hush, named: hush}") ==
        std::vector<std::string>{"shared.yaml:1:17: servers.keys: expected a list",
                                 "shared.yaml:1:30: servers.named: expected a map"});
}

TEST_CASE("a check of the struct's own says what is wrong, after the limits") {
  CHECK(problems_of_servers("servers: {shards: 4}").empty());
  CHECK(problems_of_servers("servers: {shards: 7}") ==
        std::vector<std::string>{"shared.yaml:1:19: servers.shards: must be even, or 1"});
  CHECK(problems_of_servers("servers: {shards: 101}") ==
        std::vector<std::string>{"shared.yaml:1:19: servers.shards: must be at most 99"});
}

TEST_CASE("an empty secret is a missing one") {
  Configuration::Options options;
  options.environment = {{"MPF_CONTENT__ITEM__KEY", " "}};
  CHECK(problems_of(options) == std::vector<Problem>{{"environment variable MPF_CONTENT__ITEM__KEY",
                                                      "content.item.key", "must not be empty"}});
}

TEST_CASE("an unknown profile lists those that exist") {
  const auto core = source({{"shared.yaml", ""}, {"prod.yaml", ""}}, "core");
  const auto application = source({{"prod-boh.yaml", ""}, {"dev.yaml", ""}, {"notes.txt", ""}}, "app");
  CHECK(message_for_profile("prdo", {core, application}) ==
        "there is no profile \"prdo\", did you mean \"prod\"?; the profiles are: dev, prod, prod-boh (in "
        "core, app)");
  CHECK(message_for_profile("zzzzzz", {core}) ==
        "there is no profile \"zzzzzz\"; the profiles are: prod (in core)");
  CHECK(message_for_profile("x", {}) == "there is no profile \"x\"; no profiles were found");
  CHECK(message_for_profile("prod-nowhere", {core}).starts_with("there is no profile \"prod-nowhere\""));
  for (const char* bad : {"shared", "../prod", "prod/../prod", "-prod", "prod.yaml", "prod ", "a\nb"}) {
    CAPTURE(bad);
    CHECK_FALSE(message_for_profile(bad, {core}).empty());
  }
  CHECK(message_for_profile("prod", {core}).empty());
}
