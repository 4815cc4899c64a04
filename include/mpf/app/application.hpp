#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/app/command.hpp>
#include <mpf/app/module.hpp>
#include <mpf/app/services.hpp>
#include <mpf/base/embedded.hpp>

namespace mpf {

namespace orm {
class AnyModel;
struct Table;
}  // namespace orm
namespace telemetry {
class Logger;
}

struct ApplicationOptions {
  std::string name = "application";  ///< the program's: in messages, the default of cookies and files
  std::string version = {};
  const EmbeddedFiles* profiles = nullptr;  ///< YAML profiles compiled in; null: none
  std::string default_profile = "dev";      ///< without --profile and the environment variable
  std::string env_prefix = "MPF_";          ///< of environment variables: MPF_PROFILE, MPF_HTTP__PORT
  /// On PostgreSQL scopes work behind its row-level security, on all models of the application and those of
  /// MPF's own that say whose a row is (orm/row_security.hpp). `migrate make` writes what that takes.
  bool row_security = false;
};

/// How to start. Nothing here is taken from the process's environment or arguments: main() does that.
struct StartOptions {
  std::string profile = {};                             ///< empty: ApplicationOptions::default_profile
  std::filesystem::path profile_folder = {};            ///< more profiles, stronger than those compiled in
  std::map<std::string, std::string> environment = {};  ///< variables that settings may come from
  std::map<std::string, std::string> overrides = {};    ///< "http.port" → "0"; stronger than everything
  bool serve = true;                                    ///< false: no HTTP
  bool worker = true;                                   ///< run tasks in this process
  const Clock* clock = nullptr;                         ///< outlives the application; null: the system's
  std::shared_ptr<telemetry::Logger> logger = {};       ///< null: as section "log" says
  /// Puts a layer around the storage, such as storage::make_faulty().
  std::function<std::unique_ptr<storage::Storage>(std::unique_ptr<storage::Storage>)> wrap_storage = {};
};

/// A program made of modules. Several can live in one process; each owns its loops, database, cache, queue
/// and server. Members are called from threads outside its loops, one at a time.
class Application {
 public:
  Application(Modules modules, ApplicationOptions options);
  /// stop().
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  /// The command line: `serve`, `worker`, `migrate`, `site`, `user`, `settings`, `routes` and the verbs of
  /// the modules. Prints errors as "error: …" to standard error; returns the exit code. SIGTERM and SIGINT
  /// end it gracefully.
  int main(int argc, const char* const* argv);

  /// One verb, as main() does it, without signals: for tests. With an application that is started, it runs
  /// apart from it, as another process would.
  int command(const std::vector<std::string>& arguments, const StartOptions& start, const Console& console);

  /// Starts everything; it serves when this returns. Throws Error, and is stopped then.
  void start(const StartOptions& options);
  /// Lets running requests and tasks end (settings http.shutdown_grace), then frees everything. Idempotent.
  void stop() noexcept;
  bool started() const noexcept { return instance_ != nullptr; }

  /// Only while started.
  std::uint16_t port() const;
  /// "http://127.0.0.1:<port>".
  std::string base_url() const;
  Services services() const;
  /// The models that the modules have registered, those of the framework first: for tests that walk all of
  /// them (orm::find_leaks()).
  const std::vector<orm::AnyModel>& models() const;
  /// The tables of the whole application: those of the models, and those that are used without one.
  std::vector<orm::Table> tables() const;

  /// Runs fn(Services) in a fiber of the started application and gives its result, or throws what it threw.
  template <class Fn>
  auto run(Fn&& fn) -> std::invoke_result_t<Fn&, const Services&> {
    using T = std::invoke_result_t<Fn&, const Services&>;
    const Services s = services();
    if constexpr (std::is_void_v<T>) {
      run_in_fiber([&] { fn(s); });
    } else {
      std::optional<T> result;
      run_in_fiber([&] { result.emplace(fn(s)); });
      return std::move(*result);
    }
  }

 private:
  void run_in_fiber(const std::function<void()>& body);

  Modules modules_;
  ApplicationOptions options_;
  std::unique_ptr<app::Instance> instance_;
};

}  // namespace mpf
