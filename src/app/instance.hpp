#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include <mpf/app/application.hpp>
#include <mpf/app/settings.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/auth/accounts.hpp>
#include <mpf/auth/sessions.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/config/configuration.hpp>
#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/runtime.hpp>
#include <mpf/http/error_page.hpp>
#include <mpf/http/server.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/task/registry.hpp>
#include <mpf/task/worker.hpp>
#include <mpf/telemetry/logger.hpp>
#include <mpf/telemetry/metrics.hpp>
#include <mpf/tenant/sites.hpp>

namespace mpf::app {

/// What the modules have registered.
struct Registrations {
  using EventHandler = std::function<void(const Services&, const void*)>;
  using MakeService = std::function<std::shared_ptr<void>(const Services&)>;

  struct HealthCheck {
    std::string name;
    std::function<void(const Services&)> check;
  };
  struct Cleanup {
    std::string what;
    std::function<std::uint64_t(const Services&)> remove;
  };
  struct ModuleInfo {
    std::string name;
    std::string group;
  };

  std::vector<ModuleInfo> modules;  ///< in the order of their setup
  std::unordered_map<std::type_index, std::shared_ptr<const void>> settings;
  std::vector<migrate::ModuleModels> models;
  std::vector<orm::AnyModel> typed_models;  ///< those of the tables above that are models
  std::unordered_map<std::type_index, std::vector<EventHandler>> event_handlers;
  std::vector<std::pair<std::type_index, MakeService>> services;
  std::vector<std::function<void(const Services&)>> start_hooks;
  std::vector<HealthCheck> health_checks;
  std::vector<Cleanup> cleanups;
  std::vector<std::unique_ptr<Command>> commands;
  task::Registry tasks;
  http::Router router;
  std::function<http::PageLook(const tenant::CurrentSite&)> page_look;
};

/// A started application, or one that is as far as a command needs it. Grows in stages: configure(), open(),
/// prepare(), then serve() and work(). All but configure() run in a fiber (spawn(), run()).
class Instance {
 public:
  Instance(const ApplicationOptions& options, const Modules& modules, const StartOptions& start);
  /// stop().
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Loads the configuration, sets up the modules, starts the loops. With `lenient`, wrong settings are no
  /// error: for showing help.
  void configure(bool lenient = false);
  /// Only warnings and errors are logged to standard error: for commands that people look at.
  void log_less() noexcept { log_less_ = true; }
  /// Opens the database.
  void open();
  /// Applies or requires migrations, and makes everything that handlers, tasks and commands use.
  void prepare();
  /// What modules want to be done before the first request and the first task.
  void start_hooks();
  void serve();
  void work();
  /// As the settings say.
  task::WorkerOptions worker_options() const;

  /// Ends everything in the reverse order. From a thread outside the loops.
  void stop() noexcept;

  Services services() { return Services(*this); }
  const ApplicationOptions& options() const noexcept { return options_; }
  Registrations& registrations() noexcept { return registrations_; }
  config::Configuration& configuration() { return *configuration_; }
  fiber::Runtime& runtime() { return *runtime_; }
  std::shared_ptr<telemetry::Logger> logger() const noexcept { return logger_; }
  telemetry::Metrics& metrics() noexcept { return metrics_; }
  const Clock& clock() const noexcept { return *clock_; }
  http::Server& server() { return *server_; }

  // Error(internal) when the stage that makes them has not been reached: a command that says it needs less
  // than it uses.
  db::Database& db() { return required(db_, "the database"); }
  cache::Cache& cache() { return required(cache_, "the cache"); }
  storage::Storage& storage() { return required(storage_, "the storage"); }
  task::Queue& tasks() { return required(queue_, "the task queue"); }
  auth::Accounts& accounts() { return required(accounts_, "the accounts"); }
  auth::Sessions& sessions() { return required(sessions_, "the sessions"); }
  tenant::Sites& sites() { return required(sites_, "the sites"); }

  const void* settings(std::type_index type) const;
  void* service(std::type_index type) const;
  void emit(std::type_index type, const void* event);

  template <class S>
  const S& settings() const {
    return *static_cast<const S*>(settings(typeid(S)));
  }

  /// On the database if that is open.
  std::unique_ptr<migrate::Migrator> migrator();
  /// As the settings say.
  migrate::ApplyOptions migration_options() const;

  /// Starts body in a fiber of the application, with its logger; run() also waits for it.
  fiber::Fiber<> spawn(std::function<void()> body, std::string name);
  void run(const std::function<void()>& body);

 private:
  template <class T>
  T& required(const std::unique_ptr<T>& what, const char* name) const {
    if (!what) missing(name);
    return *what;
  }
  [[noreturn]] void missing(const char* name) const;

  template <class S>
  void own_settings(std::string_view section);
  void start_runtime();
  void require_migrations();
  /// The role of scopes behind row security; nothing where no model and no setting wants that.
  std::optional<std::string> wall() const;
  void keep_clean();
  std::filesystem::path data_folder() const;

  const ApplicationOptions options_;
  const Modules& modules_;
  const StartOptions start_;
  const Clock* clock_;
  bool log_less_ = false;

  // In the order in which they are made; freed in the reverse.
  Registrations registrations_;
  std::optional<config::Configuration> configuration_;
  std::shared_ptr<telemetry::Logger> logger_;
  telemetry::Metrics metrics_;
  std::unique_ptr<fiber::Runtime> runtime_;
  std::unique_ptr<db::Database> db_;
  db::Database* plain_db_ = nullptr;  ///< the same, in front of the wall: for migrations
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<storage::Storage> storage_;
  std::unique_ptr<task::Queue> queue_;
  std::unique_ptr<tenant::Sites> sites_;
  std::unique_ptr<auth::Accounts> accounts_;
  std::unique_ptr<auth::Sessions> sessions_;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> services_;
  std::unique_ptr<task::Worker> worker_;
  std::unique_ptr<http::Server> server_;
  fiber::Fiber<> cleaning_;
};

/// The verbs that every application has.
void add_framework_commands(Instance& instance);

}  // namespace mpf::app
