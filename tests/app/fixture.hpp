#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mpf/app/app.hpp>
#include <mpf/telemetry/logger.hpp>

#include "support/browser.hpp"
#include "support/place.hpp"
#include "support/temp_dir.hpp"

namespace mpf::test {

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Waits until it is so; false if that takes too long.
template <class Ready>
bool wait_for(Ready ready) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// A module made of functions, for tests.
class TestModule final : public Module {
 public:
  TestModule(std::string name, std::vector<std::string_view> needs, std::function<void(Setup&)> setup = {})
      : name_(std::move(name)), needs_(std::move(needs)), setup_(std::move(setup)) {}

  std::string_view name() const noexcept override { return name_; }
  std::vector<std::string_view> needs() const override { return needs_; }
  void setup(Setup& s) override {
    if (setup_) setup_(s);
  }

 private:
  std::string name_;
  std::vector<std::string_view> needs_;
  std::function<void(Setup&)> setup_;
};

inline Modules one_module(std::function<void(Setup&)> setup) {
  Modules modules;
  modules.push_back(
      std::make_unique<TestModule>("test.module", std::vector<std::string_view>{}, std::move(setup)));
  return modules;
}

struct CommandResult {
  int code = 0;
  std::string out;
  std::string errors;
};

/// An application on a folder of its own, with what tests want of it.
class TestApplication {
 public:
  explicit TestApplication(std::function<void(Setup&)> setup = {})
      : TestApplication(one_module(std::move(setup))) {}
  explicit TestApplication(Modules modules, ApplicationOptions own = {.name = "testing", .version = "1.2"})
      : application_(std::move(modules), std::move(own)) {
    options.overrides = {{"http.port", "0"},
                         {"application.data_folder", folder_.path().string()},
                         {"auth.argon2_memory_kib", "8"},
                         {"auth.argon2_passes", "1"},
                         {"task.poll_interval", "20ms"},
                         {"runtime.loops", "2"}};
    if (on_postgres()) options.overrides["database.url"] = place_.emplace().url();
    options.logger = logger;
  }

  std::shared_ptr<telemetry::MemoryLogger> logger = std::make_shared<telemetry::MemoryLogger>();
  StartOptions options;

  void start() { application_.start(options); }
  void stop() { application_.stop(); }

  /// Also makes two sites, acme and globex, with these hosts plus ".test".
  void start_with_sites() {
    start();
    application_.run([](const Services& services) {
      const Id provider = services.sites().create_provider({.slug = "p"}).id;
      for (const std::string slug : {"acme", "globex"}) {
        services.sites().create_site({.provider = provider, .slug = slug, .hosts = {slug + ".test"}});
      }
    });
  }

  CommandResult command(const std::vector<std::string>& arguments, const std::string& input = {}) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream errors;
    const int code = application_.command(arguments, options, {.in = &in, .out = &out, .errors = &errors});
    return {code, out.str(), errors.str()};
  }

  Browser browser(std::string host = "acme.test") const { return {application_.port(), std::move(host)}; }
  Application& operator*() { return application_; }
  Application* operator->() { return &application_; }
  const TempDir& folder() const { return folder_; }

 private:
  TempDir folder_;
  std::optional<DatabasePlace> place_;  ///< else a file in the folder
  Application application_;
};

}  // namespace mpf::test
