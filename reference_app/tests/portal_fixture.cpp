#include "portal_fixture.hpp"

#include <sstream>

#include <mpf_embedded/portal_test_profiles.hpp>

#include "content/collection/module.hpp"
#include "content/import/module.hpp"
#include "content/item/module.hpp"
#include "foundation/sample/module.hpp"
#include "foundation/site/definition.hpp"
#include "foundation/site/module.hpp"
#include "frontend/portal/module.hpp"
#include "user/account/module.hpp"

namespace portal::test {
namespace {

foundation::SiteDefinition site(const std::string& provider, const std::string& slug) {
  foundation::SiteDefinition definition;
  definition.provider = {provider, provider};
  definition.slug = slug;
  definition.name = slug + " Portal";
  definition.hosts = {slug + ".localhost"};
  definition.users = {
      {"member@" + slug + ".test", "Member", "correct horse battery", mpf::auth::Role::member},
      {"other@" + slug + ".test", "Other", "correct horse battery", mpf::auth::Role::member},
      {"staff@" + slug + ".test", "Staff", "correct horse battery", mpf::auth::Role::staff}};
  return definition;
}

}  // namespace

mpf::Modules portal_modules() {
  return mpf::modules<foundation::SiteModule, user::AccountModule, content::CollectionModule,
                      content::ItemModule, content::ImportModule, foundation::SampleModule,
                      frontend::PortalModule>();
}

Portal::Portal(Settings settings)
    : settings_(std::move(settings)),
      clock_(mpf::Timestamp::now()),
      application_(portal_modules(), {.name = "portal", .version = "test", .profiles = &profiles()}) {
  application_.start(options());
  application_.run([](const mpf::Services& services) {
    for (const auto& [provider, slug] :
         {std::pair{"first", "acme"}, {"first", "beta"}, {"second", "globex"}}) {
      foundation::apply_definition(services, site(provider, slug));
    }
  });
}

Portal::~Portal() { application_.stop(); }

mpf::StartOptions Portal::options() const {
  mpf::StartOptions options;
  options.profile = "test";
  options.overrides = {
      {"http.port", "0"}, {"application.data_folder", data().string()}, {"database.url", place_.url()}};
  options.clock = &clock_;
  // What requests log is looked at by those tests that ask for it.
  if (settings_.contains("http.log_requests")) options.logger = logger;
  for (const auto& [key, value] : settings_) options.overrides[key] = value;
  return options;
}

Browser Portal::visitor(const std::string& site) {
  Browser browser(port(), site + ".localhost");
  browser.csrf = bootstrap(browser).at("csrf");
  return browser;
}

Browser Portal::user(const std::string& name, const std::string& site) {
  auto browser = visitor(site);
  const auto answer = browser.post(
      "/api/account/sign-in",
      json{{"email", name + "@" + site + ".test"}, {"password", "correct horse battery"}}.dump());
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  browser.csrf = json::parse(answer.body).at("csrf");
  return browser;
}

int Portal::command(const std::vector<std::string>& arguments) {
  std::istringstream in;
  std::ostringstream out;
  auto start = options();
  const int code = application_.command(arguments, start, {&in, &out, &out});
  output = out.str();
  return code;
}

int Portal::import(const std::filesystem::path& folder, const std::string& site,
                   const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"import", site, folder.string()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return command(arguments);
}

void write(const std::filesystem::path& file, std::string_view content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

json bootstrap(Browser& browser) {
  const auto answer = browser.get("/api/portal/bootstrap");
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  return json::parse(answer.body);
}

json item_titled(const json& bootstrap, const std::string& title) {
  for (const auto& item : bootstrap.at("items")) {
    if (item.at("title") == title) return item;
  }
  return nullptr;
}

std::string open_item(Browser& browser, const std::string& title) {
  const auto item = item_titled(bootstrap(browser), title);
  REQUIRE_MESSAGE(!item.is_null(), title);
  const auto answer = browser.post("/api/items/" + std::to_string(item.at("id").get<int>()) + "/access", "");
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  return json::parse(answer.body).at("url");
}

}  // namespace portal::test
