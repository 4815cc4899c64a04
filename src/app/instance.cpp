#include "app/instance.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/db/postgres.hpp>
#include <mpf/db/sqlite.hpp>
#include <mpf/orm/row_security.hpp>
#include <mpf/telemetry/log.hpp>

#include "app/framework.hpp"
#include "app/middleware.hpp"
#include "app/migrate_task.hpp"
#include "app/module_order.hpp"

namespace mpf::app {

Instance::Instance(const ApplicationOptions& options, const Modules& modules, const StartOptions& start)
    : options_(options),
      modules_(modules),
      start_(start),
      clock_(start.clock ? start.clock : &Clock::system()) {}

Instance::~Instance() { stop(); }

void Instance::missing(const char* name) const {
  throw Error(ErrorKind::internal,
              fmt::format("{} is not there: a command that uses it says .needs(Needs::application), and "
                          "modules use it after setup()",
                          name));
}

template <class S>
void Instance::own_settings(std::string_view section) {
  registrations_.settings.emplace(typeid(S), std::make_shared<S>(configuration_->section<S>(section)));
}

void Instance::configure(bool lenient) {
  const std::vector<Module*> ordered = in_order(modules_);
  configuration_.emplace(load_configuration(options_, start_, lenient));
  own_settings<ApplicationSettings>("application");
  own_settings<HttpSettings>("http");
  own_settings<DatabaseSettings>("database");
  own_settings<StorageSettings>("storage");
  own_settings<CacheSettings>("cache");
  own_settings<TaskSettings>("task");
  own_settings<LogSettings>("log");
  own_settings<RuntimeSettings>("runtime");
  own_settings<auth::Settings>("auth");

  registrations_.models = framework_models(options_.row_security);
  registrations_.typed_models = typed_framework_models();
  add_framework_commands(*this);
  add_migrate_task(*this);
  add_operations_routes(*this);
  for (Module* module : ordered) {
    const std::string name(module->name());
    registrations_.modules.push_back({name, std::string(service_group(name))});
    Setup setup(*this, name);
    module->setup(setup);
  }
  secure_change_log(registrations_, options_.row_security);
  if (!lenient) configuration_->finish();
}

void Instance::start_runtime() {
  if (runtime_) return;
  const auto& log_settings = settings<LogSettings>();
  log::Level level = log_settings.level;
  if (log_less_ && log_settings.file.empty()) level = std::max(level, log::Level::warning);
  logger_ = start_.logger
                ? start_.logger
                : telemetry::open_logger(
                      {.level = level,
                       .format = log_settings.format,
                       .file = log_settings.file,
                       .max_file_bytes = static_cast<std::size_t>(log_settings.max_file_mib) * 1024 * 1024,
                       .kept_files = static_cast<std::size_t>(log_settings.kept_files)});
  const auto& own = settings<RuntimeSettings>();
  auto& stalls = metrics_.counter("mpf_stalls_total", "Fibers that kept their loop for too long");
  runtime_ = std::make_unique<fiber::Runtime>(fiber::RuntimeOptions{
      .loops = static_cast<std::size_t>(own.loops),
      .offload_threads = static_cast<std::size_t>(own.offload_threads),
      .stall_threshold = own.stall_threshold,
      .on_stall = [logger = logger_, &stalls](const fiber::Stall& stall) {
        stalls.add();
        const auto use = telemetry::use(logger);
        log::warning("loop {} is held for {} ms by {}\n{}", stall.loop, stall.duration.count(),
                     stall.fiber.empty() ? "a fiber without name" : stall.fiber, stall.stack);
      }});
  auto& runtime = *runtime_;
  metrics_.observe("mpf_fibers", "Fibers that exist", {},
                   [&runtime] { return static_cast<double>(runtime.fiber_count()); });
}

fiber::Fiber<> Instance::spawn(std::function<void()> body, std::string name) {
  start_runtime();
  return fiber::spawn(*runtime_,
                      [this, body = std::move(body)] {
                        const auto use = telemetry::use(logger_);
                        body();
                      },
                      {.name = std::move(name)});
}

void Instance::run(const std::function<void()>& body) { spawn(body, "main").get(); }

void Instance::open() {
  if (db_) return;
  const auto& own = settings<DatabaseSettings>();
  std::string url = own.url.reveal();
  if (const auto given = start_.environment.find("DATABASE_URL");
      given != start_.environment.end() && url.empty() && own.file.empty()) {
    url = given->second;
  }
  if (url.starts_with("postgres:") || url.starts_with("postgresql:")) {
    db::PostgresOptions options;
    options.url = Secret(std::move(url));
    options.application_name = options_.name;
    options.pipelines = static_cast<std::size_t>(own.pipelines);
    options.owned = static_cast<std::size_t>(own.owned_connections);
    options.statement_timeout = own.statement_timeout;
    options.lock_timeout = own.lock_timeout;
    options.silence_timeout = own.silence_timeout;
    options.transaction_pooler = own.transaction_pooler;
    options.replicas = own.replicas;
    options.replica_lag = own.replica_lag;
    options.replica_timeout = own.replica_timeout;
    db_ = db::open_postgres(std::move(options));
    plain_db_ = db_.get();
    if (auto role = wall()) db_ = orm::with_row_security(std::move(db_), {.role = std::move(*role)});
    return;
  }
  constexpr std::string_view sqlite = "sqlite:";
  if (!url.empty() && !url.starts_with(sqlite)) {
    throw Error(ErrorKind::configuration, "database.url must begin with sqlite: or postgres://");
  }
  std::filesystem::path file = url.empty() ? own.file : std::filesystem::path(url.substr(sqlite.size()));
  if (file.empty()) file = data_folder() / (options_.name + ".db");
  fiber::offload([&] { make_folder(file.parent_path(), "database.file"); });
  db_ = db::open_sqlite({.file = file,
                         .busy_timeout = own.busy_timeout,
                         .durability = own.durable ? db::SqliteOptions::Durability::full
                                                   : db::SqliteOptions::Durability::normal});
  plain_db_ = db_.get();
}

std::optional<std::string> Instance::wall() const {
  std::optional<std::string> role;
  std::string of;
  for (const auto& module : registrations_.models) {
    for (const auto& table : module.tables) {
      if (!table.row_security) continue;
      if (role && *role != table.row_security->role) {
        throw Error(
            ErrorKind::configuration,
            fmt::format("the models of {} and {} name different roles in row_security(), {} and {}: an "
                        "application's scopes work as one",
                        of, table.name, *role, table.row_security->role));
      }
      role = table.row_security->role;
      of = table.name;
    }
  }
  if (!role && (options_.row_security || settings<DatabaseSettings>().row_security)) {
    role = orm::RowSecurityOptions().role;
  }
  return role;
}

std::filesystem::path Instance::data_folder() const { return settings<ApplicationSettings>().data_folder; }

std::unique_ptr<migrate::Migrator> Instance::migrator() {
  return std::make_unique<migrate::Migrator>(plain_db_, registrations_.models, *clock_);
}

migrate::ApplyOptions Instance::migration_options() const {
  migrate::ApplyOptions options;
  options.replica_lag = settings<DatabaseSettings>().migration_lag;
  return options;
}

void Instance::require_migrations() {
  const auto own = migrator();
  auto pending = own->pending();
  for (const auto& id : own->newer()) {
    log::warning("{} was applied by a newer release: this one runs beside it", id.to_string());
  }
  if (pending.empty()) return;
  if (settings<ApplicationSettings>().auto_migrate) {
    for (const auto& id : own->apply(migration_options())) log::info("applied migration {}", id.to_string());
    pending = own->pending();
    if (pending.empty()) return;
  }
  std::string message =
      fmt::format("{} migration{} not been applied to {}: run `{} migrate apply`", pending.size(),
                  pending.size() == 1 ? " has" : "s have", db_->description(), options_.name);
  for (const auto& id : pending) message += "\n  " + id.to_string();
  if (!own->held().empty()) {
    message +=
        "\nsome wait behind a release border: when no older release runs any more, `migrate apply "
        "--past-border`";
  }
  throw Error(ErrorKind::configuration, message);
}

void Instance::prepare() {
  if (sites_) return;
  open();
  require_migrations();
  if (auto role = wall()) {
    std::vector<orm::Table> tables;
    for (const auto& model : registrations_.typed_models) tables.push_back(model.table());
    orm::let_scopes_in(*plain_db_, tables, {.role = std::move(*role)});
  }
  const auto& cache_settings = settings<CacheSettings>();
  cache_ = std::make_unique<cache::Cache>(
      cache::CacheOptions{.max_bytes = static_cast<std::size_t>(cache_settings.max_mib) * 1024 * 1024,
                          .clock = clock_},
      cache::database_epochs(*db_));
  std::filesystem::path folder = settings<StorageSettings>().folder;
  if (folder.empty()) folder = data_folder() / "files";
  storage_ = fiber::offload([&] {
    make_folder(folder, "storage.folder");
    return storage::open_local({.root = folder, .durability = storage::LocalOptions::Durability::normal});
  });
  if (start_.wrap_storage) storage_ = start_.wrap_storage(std::move(storage_));
  queue_ = std::make_unique<task::Queue>(*db_, registrations_.tasks, *clock_);
  const auto& auth_settings = settings<auth::Settings>();
  accounts_ = std::make_unique<auth::Accounts>(auth_settings, *clock_);
  sessions_ = std::make_unique<auth::Sessions>(auth_settings, *clock_);
  sites_ = std::make_unique<tenant::Sites>(*db_, *cache_, *clock_);
  for (const auto& [type, make] : registrations_.services) services_.emplace_back(type, make(services()));
  observe(*this);
}

void Instance::start_hooks() {
  for (const auto& hook : registrations_.start_hooks) hook(services());
}

void Instance::serve() {
  for (const auto& own : framework_middleware(*this)) {
    registrations_.router.use(own.make(*this), own.order, own.name);
  }
  const auto& own = settings<HttpSettings>();
  server_ = std::make_unique<http::Server>(*runtime_, registrations_.router, server_options(own));
  server_->start();
  cleaning_ = fiber::spawn([this] { keep_clean(); }, {.name = "cleaning"});
}

task::WorkerOptions Instance::worker_options() const {
  const auto& own = settings<TaskSettings>();
  task::WorkerOptions options;
  options.concurrency = static_cast<std::size_t>(own.concurrency);
  options.queues = own.queues;
  options.poll = own.poll_interval;
  options.lease = own.lease;
  options.heartbeat = own.heartbeat;
  return options;
}

void Instance::work() {
  if (worker_) return;
  worker_ = std::make_unique<task::Worker>(*runtime_, *queue_, worker_options());
  worker_->start();
}

void Instance::keep_clean() {
  const auto clean = [this](const Registrations::Cleanup& cleanup) {
    try {
      const auto removed = cleanup.remove(services());
      if (removed > 0) log::info("removed {} {}", removed, cleanup.what);
    } catch (const std::exception& e) {
      log::warning("{} are not removed: {}", cleanup.what, e.what());
    }
  };
  for (;;) {
    clean({"expired sessions", [this](const Services& all) {
             return sessions_->purge(all.system_scope("removing expired sessions"));
           }});
    for (const auto& own : registrations_.cleanups) clean(own);
    fiber::sleep_for(std::chrono::hours(1));
  }
}

void Instance::stop() noexcept {
  if (!runtime_) return;
  const auto& own = settings<HttpSettings>();
  try {
    run([&] {
      cleaning_ = {};
      if (server_) server_->stop(own.shutdown_grace);
      if (worker_) worker_->stop(own.shutdown_grace);
      while (!services_.empty()) services_.pop_back();
    });
  } catch (const std::exception& e) {
    log::error("stopping: {}", e.what());
  } catch (const fiber::Cancelled&) {  // only if somebody stops the runtime under us
  }
  server_.reset();
  worker_.reset();
  runtime_->stop();
  sessions_.reset();
  accounts_.reset();
  sites_.reset();
  queue_.reset();
  storage_.reset();
  cache_.reset();
  plain_db_ = nullptr;
  db_.reset();
  runtime_.reset();
  if (logger_) logger_->flush();
}

const void* Instance::settings(std::type_index type) const {
  const auto found = registrations_.settings.find(type);
  if (found == registrations_.settings.end()) {
    throw Error(ErrorKind::internal,
                fmt::format("no module has declared settings of type {} (Setup::settings)", type.name()));
  }
  return found->second.get();
}

void* Instance::service(std::type_index type) const {
  for (const auto& [known, service] : services_) {
    if (known == type) return service.get();
  }
  throw Error(ErrorKind::internal,
              fmt::format("no module has provided a service of type {} (Setup::provide)", type.name()));
}

void Instance::emit(std::type_index type, const void* event) {
  const auto found = registrations_.event_handlers.find(type);
  if (found == registrations_.event_handlers.end()) return;
  for (const auto& handler : found->second) handler(services(), event);
}

}  // namespace mpf::app
