#include <mpf/config/configuration.hpp>

#include <string>

#include <doctest/doctest.h>

#include <mpf/base/file.hpp>

#include "config/support.hpp"
#include "support/temp_dir.hpp"

using namespace mpf;
using config::Configuration;
using test::HttpSettings;
using test::ItemSettings;
using test::source;

TEST_CASE("without anything the defaults count") {
  auto configuration = Configuration::load({});
  const auto http = configuration.section<HttpSettings>("http");
  CHECK(http.port == 8000);
  CHECK(http.timeouts.idle == std::chrono::seconds(60));
  CHECK_NOTHROW(configuration.finish());
}

TEST_CASE("every type of value is read") {
  auto configuration = Configuration::load({.profile = {},
                                            .sources = {source({{"shared.yaml", R"(
http:
  address: 0.0.0.0
  port: 81
  mode: fast
  proxies: [10.0.0.1, "10.0.0.2"]
  headers:
    X-A: one
    X-B: "2"
  timeouts: {read: 1m30s, idle: 2h}
)"}})},
                                            .environment = {},
                                            .overrides = {}});
  const auto http = configuration.section<HttpSettings>("http");
  configuration.finish();
  CHECK(http.address == "0.0.0.0");
  CHECK(http.port == 81);
  CHECK(http.mode == test::Mode::fast);
  CHECK(http.proxies == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  CHECK(http.headers == std::map<std::string, std::string>{{"X-A", "one"}, {"X-B", "2"}});
  CHECK(http.timeouts.read == std::chrono::seconds(90));
  CHECK(http.timeouts.idle == std::chrono::hours(2));
}

TEST_CASE("layers: later segments beat earlier ones, later sources beat earlier ones of the same file") {
  const auto core = source({{"shared.yaml", "http: {port: 1, address: core-shared, mode: fast}"},
                            {"prod.yaml", "http: {port: 2, address: core-prod}"}},
                           "core");
  const auto application = source(
      {{"shared.yaml", "http: {port: 3}"}, {"prod-boh.yaml", "http: {port: 5}"}, {"dev.yaml", ""}}, "app");
  const auto port = [&](const std::string& profile) {
    Configuration::Options options;
    options.profile = profile;
    options.sources = {core, application};
    auto configuration = Configuration::load(options);
    const auto http = configuration.section<HttpSettings>("http");
    configuration.finish();
    CHECK(http.mode == test::Mode::fast);
    CHECK(http.address == (profile.starts_with("prod") ? "core-prod" : "core-shared"));
    return http.port;
  };
  CHECK(port("") == 3);
  CHECK(port("dev") == 3);
  CHECK(port("prod") == 2);
  CHECK(port("prod-boh") == 5);
}

TEST_CASE("environment beats profiles, overrides beat the environment") {
  Configuration::Options options;
  options.sources = {source({{"shared.yaml", "http: {port: 1, address: file}"}})};
  options.environment = {{"MPF_HTTP__PORT", "2"},
                         {"MPF_HTTP__ADDRESS", "env"},
                         {"MPF_HTTP__PROXIES", "a, b,c"},
                         {"MPF_HTTP__HEADERS", "X=1, Y = 2"},
                         {"MPF_HTTP__TIMEOUTS__IDLE", "5m"},
                         {"MPF_CONTENT__ITEM__PAGE_SIZE", "7"},
                         {"MPF_CONTENT__ITEM__KEY", "k"},
                         {"MPF_PROFILE", "not a setting"},
                         {"OTHER__VARIABLE", "x"}};
  options.overrides = {{"http.port", "3"}};
  auto configuration = Configuration::load(options);
  const auto http = configuration.section<HttpSettings>("http");
  const auto item = configuration.section<ItemSettings>("content.item");
  configuration.finish();
  CHECK(http.port == 3);
  CHECK(http.address == "env");
  CHECK(http.proxies == std::vector<std::string>{"a", "b", "c"});
  CHECK(http.headers == std::map<std::string, std::string>{{"X", "1"}, {"Y", "2"}});
  CHECK(http.timeouts.idle == std::chrono::minutes(5));
  CHECK(item.page_size == 7);
  CHECK(item.key == Secret("k"));
}

TEST_CASE("sections with dots may be written nested or with dots, and nothing says nothing") {
  for (const char* text : {"content: {item: {page_size: 5, key: x}}", "content.item: {page_size: 5, key: x}",
                           "content.item.page_size: 5\ncontent:\n  item:\n    key: x\nhttp:\n"}) {
    CAPTURE(text);
    Configuration::Options options;
    options.sources = {source({{"shared.yaml", text}}),
                       source({{"shared.yaml", "content: {item: {page_size: }}"}})};
    auto configuration = Configuration::load(options);
    configuration.section<HttpSettings>("http");
    CHECK(configuration.section<ItemSettings>("content.item").page_size == 5);
    CHECK_NOTHROW(configuration.finish());
  }
}

TEST_CASE("secrets from elsewhere") {
  const test::TempDir folder;
  write_file_atomic(folder / "key", "from file\n");
  const auto key = [&](const std::string& value) {
    Configuration::Options options;
    options.sources = {source({{"shared.yaml", "content.item: {key: " + value + "}"}})};
    options.environment = {{"THE_KEY", "from environment"}};
    auto configuration = Configuration::load(options);
    auto item = configuration.section<ItemSettings>("content.item");
    configuration.finish();
    return item.key.reveal();
  };
  CHECK(key("!file " + (folder / "key").string()) == "from file");
  CHECK(key("!env THE_KEY") == "from environment");
  CHECK_THROWS_WITH_AS(key("!env NO_KEY"), doctest::Contains("NO_KEY is not set"),
                       config::ConfigurationError);
  CHECK_THROWS_WITH_AS(key("!file /none/key"), doctest::Contains("/none/key"), config::ConfigurationError);
}

TEST_CASE("entries tell values and where they come from, and never a secret") {
  Configuration::Options options;
  options.profile = "prod";
  options.sources = {source({{"prod.yaml", "http:\n  port: 90\ncontent.item:\n  key: hush\n"}}, "profiles")};
  options.environment = {{"MPF_HTTP__TIMEOUTS__READ", "1500ms"}};
  options.overrides = {{"http.mode", "fast"}};
  auto configuration = Configuration::load(options);
  configuration.section<HttpSettings>("http");
  configuration.section<ItemSettings>("content.item");
  configuration.finish();
  std::map<std::string, Configuration::Entry> entries;
  for (const auto& entry : configuration.entries()) entries[entry.key] = entry;
  CHECK(entries.at("http.port").value == "90");
  CHECK(entries.at("http.port").origin == "profiles/prod.yaml:2:9");
  CHECK(entries.at("http.timeouts.read").value == "1s500ms");
  CHECK(entries.at("http.timeouts.read").origin == "environment variable MPF_HTTP__TIMEOUTS__READ");
  CHECK(entries.at("http.mode").value == "fast");
  CHECK(entries.at("http.mode").origin == "override");
  CHECK(entries.at("http.address").origin == "default");
  CHECK(entries.at("http.address").help == "where to listen");
  CHECK(entries.at("content.item.key").value == "***");
  CHECK(entries.size() == 9);
}

TEST_CASE("profiles in a folder and in the program") {
  const test::TempDir folder;
  write_file_atomic(folder / "shared.yaml", "http: {port: 5}");
  write_file_atomic(folder / "prod.yaml", "http: {port: 6}");
  const EmbeddedFiles embedded(
      std::vector<EmbeddedFiles::File>{{"shared.yaml", "http: {address: built-in, port: 4}"}});
  Configuration::Options options;
  options.profile = "prod";
  options.sources = {config::embedded_profiles("core", embedded), config::profile_folder(folder.path())};
  auto configuration = Configuration::load(options);
  const auto http = configuration.section<HttpSettings>("http");
  CHECK(http.port == 6);
  CHECK(http.address == "built-in");
}

TEST_CASE("names of environment variables") {
  CHECK(config::environment_name("MPF_", "http.port") == "MPF_HTTP__PORT");
  CHECK(config::environment_name("APP_", "content.item.page-size") == "APP_CONTENT__ITEM__PAGE_SIZE");
  CHECK(config::process_environment().contains("PATH"));
}
