#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <mpf/app/application.hpp>
#include <mpf/base/manual_clock.hpp>
#include <mpf/telemetry/logger.hpp>
#include <support/browser.hpp>
#include <support/place.hpp>
#include <support/temp_dir.hpp>

namespace portal::test {

using mpf::test::Answer;
using mpf::test::Browser;
using nlohmann::json;

/// Settings by key.
using Settings = std::map<std::string, std::string>;

/// The modules of the portal, as main.cpp lists them.
mpf::Modules portal_modules();

/// The whole portal in this process: two sites of one provider and one of another, served on a free port,
/// data in a temporary folder, time standing still until a test moves it.
class Portal {
 public:
  /// Settings stand over those of the tests' profile.
  explicit Portal(Settings settings = {});
  ~Portal();

  std::uint16_t port() const { return application_.port(); }
  mpf::Application& application() { return application_; }
  mpf::ManualClock& clock() { return clock_; }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::filesystem::path folder(const std::string& name) const { return folder_.path() / name; }

  /// A visitor of a site, with its CSRF token.
  Browser visitor(const std::string& site = "acme");
  /// The member or staff user that every site has: "member@<site>.test", "staff@<site>.test".
  Browser user(const std::string& name, const std::string& site = "acme");

  /// Imports a folder by the command line, as another process would; its exit code. What it printed stays
  /// in `output`.
  int import(const std::filesystem::path& folder, const std::string& site = "acme",
             const std::vector<std::string>& options = {});
  int command(const std::vector<std::string>& arguments);
  std::string output;

  mpf::StartOptions options() const;
  std::shared_ptr<mpf::telemetry::MemoryLogger> logger = std::make_shared<mpf::telemetry::MemoryLogger>();

 private:
  Settings settings_;
  mpf::test::TempDir folder_;
  mpf::test::DatabasePlace place_;
  mpf::ManualClock clock_;
  mpf::Application application_;
};

void write(const std::filesystem::path& file, std::string_view content);

json bootstrap(Browser& browser);

/// The item with this title in a bootstrap, or null.
json item_titled(const json& bootstrap, const std::string& title);

/// Asks for access to the item with this title and gives the address; fails the test if there is none.
std::string open_item(Browser& browser, const std::string& title);

}  // namespace portal::test
