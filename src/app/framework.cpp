#include "app/framework.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>

#include <fmt/core.h>

#include <mpf/auth/models.hpp>
#include <mpf/base/error.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/orm/change_log.hpp>
#include <mpf/orm/row_security.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/tenant/models.hpp>

#include <mpf_embedded/mpf_app_row_security_migrations.hpp>

#include "app/instance.hpp"

namespace mpf::app {

namespace {

// The profiles that every application has, weaker than its own files.
std::optional<std::string> own_profile(std::string_view file) {
  if (file == "dev.yaml") return "application:\n  auto_migrate: true\n";
  if (file == "prod.yaml") return "{}\n";
  return std::nullopt;
}

orm::Column column(std::string name, orm::ColumnType type) {
  orm::Column column;
  column.name = std::move(name);
  column.type = type;
  column.primary_key = column.name == "id";
  return column;
}

/// The cache stands beside the ORM and describes its table by its migration alone.
orm::Table cache_epochs() {
  using orm::ColumnType;
  orm::Table table;
  table.name = "mpf_cache_epoch";
  table.columns = {column("id", ColumnType::id), column("group_path", ColumnType::text),
                   column("number", ColumnType::bigint)};
  table.indexes = {{"mpf_cache_epoch_group_path_key", {"group_path"}, true},
                   {"mpf_cache_epoch_number_idx", {"number"}, false}};
  return table;
}

}  // namespace

config::Configuration load_configuration(const ApplicationOptions& options, const StartOptions& start,
                                         bool lenient) {
  config::Configuration::Options load;
  load.profile = start.profile.empty() ? options.default_profile : start.profile;
  load.env_prefix = options.env_prefix;
  load.environment = start.environment;
  load.overrides = start.overrides;
  load.sources.push_back({"mpf", own_profile, [] {
                            return std::vector<std::string>{"dev.yaml", "prod.yaml"};
                          }});
  if (options.profiles) load.sources.push_back(config::embedded_profiles("", *options.profiles));
  if (!start.profile_folder.empty()) {
    std::error_code error;
    if (!lenient && !std::filesystem::is_directory(start.profile_folder, error)) {
      throw Error(ErrorKind::configuration,
                  fmt::format("there is no folder of profiles '{}' (--profiles, {}PROFILES)",
                              start.profile_folder.string(), options.env_prefix));
    }
    load.sources.push_back(config::profile_folder(start.profile_folder));
  }
  try {
    return config::Configuration::load(load);
  } catch (const Error&) {
    if (!lenient) throw;
  }
  return config::Configuration::load({});
}

std::vector<migrate::ModuleModels> framework_models(bool row_security) {
  std::vector<migrate::ModuleModels> result{
      {.module = "mpf.cache", .tables = {cache_epochs()}, .migrations = &cache::migrations()},
      {.module = "mpf.task", .tables = task::tables(), .migrations = &task::migrations()},
      {.module = "mpf.tenant", .tables = tenant::tables(), .migrations = &tenant::migrations()},
      {.module = "mpf.auth", .tables = auth::tables(), .migrations = &auth::migrations()}};
  if (!row_security) return result;
  // The rest stays outside: no scope reads tables of tasks and of the cache, whose rows are no tenant's.
  for (const auto& model : typed_framework_models()) {
    for (auto& module : result) {
      const auto table = std::ranges::find(module.tables, model.table().name, &orm::Table::name);
      if (table != module.tables.end()) table->row_security = orm::row_security_of(model.info());
    }
  }
  result.push_back({.module = "mpf.row_security", .tables = {}, .migrations = &row_security_migrations()});
  return result;
}

std::vector<orm::AnyModel> typed_framework_models() {
  using orm::AnyModel;
  return {AnyModel::of<tenant::Provider>(), AnyModel::of<tenant::Site>(),   AnyModel::of<tenant::SiteHost>(),
          AnyModel::of<auth::User>(),       AnyModel::of<auth::Password>(), AnyModel::of<auth::Session>()};
}

void secure_change_log(Registrations& registrations, bool all) {
  std::vector<const orm::detail::ModelInfo*> models;
  for (const auto& model : registrations.typed_models) models.push_back(&model.info());
  std::optional<std::string> role;
  if (all) role = orm::RowSecurityOptions().role;
  const auto security = orm::change_log_security(models, role);
  if (!security) return;
  for (auto& module : registrations.models) {
    for (auto& table : module.tables) {
      if (table.name == orm::table_of<orm::Change>().name) table.row_security = security;
    }
  }
}

http::ServerOptions server_options(const HttpSettings& settings) {
  return {.address = settings.address,
          .port = static_cast<std::uint16_t>(settings.port),
          .max_header_bytes = static_cast<std::size_t>(settings.max_header_bytes),
          .max_body_bytes = static_cast<std::size_t>(settings.max_body_bytes),
          .max_connections = static_cast<std::size_t>(settings.max_connections),
          .header_timeout = settings.header_timeout,
          .body_timeout = settings.body_timeout,
          .idle_timeout = settings.idle_timeout,
          .write_timeout = settings.write_timeout,
          .handler_timeout = settings.handler_timeout,
          .trusted_proxies = settings.trusted_proxies};
}

void make_folder(const std::filesystem::path& folder, std::string_view setting) {
  if (folder.empty()) return;
  namespace fs = std::filesystem;
  std::error_code error;
  // Folders above it that are made for its sake are its owner's alone as well.
  if (folder.has_parent_path() && !fs::exists(folder.parent_path(), error)) {
    make_folder(folder.parent_path(), setting);
  }
  error.clear();
  const bool made = fs::create_directories(folder, error);
  // Databases and files of all sites: what other users of the machine may see of an older one is its
  // owner's decision.
  if (made && !error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) {
    throw Error(ErrorKind::configuration, fmt::format("the folder {} ({}) cannot be made: {}",
                                                      folder.string(), setting, error.message()));
  }
}

void observe(Instance& instance) {
  auto& metrics = instance.metrics();
  cache::Cache& cache = instance.cache();
  const auto cache_gauge = [&](const char* name, const char* help, auto read) {
    metrics.observe(name, help, {}, [&cache, read] { return static_cast<double>(read(cache.stats())); });
  };
  cache_gauge("mpf_cache_hits", "Values served from the process tier",
              [](const cache::Stats& s) { return s.hits; });
  cache_gauge("mpf_cache_misses", "Calls that found no value",
              [](const cache::Stats& s) { return s.misses; });
  cache_gauge("mpf_cache_bytes", "Bytes held by the process tier",
              [](const cache::Stats& s) { return s.bytes; });
  cache_gauge("mpf_cache_rejected", "Values too large for the cache, loaded by each call",
              [](const cache::Stats& s) { return s.rejected; });
  cache_gauge("mpf_cache_evictions", "Values dropped for room",
              [](const cache::Stats& s) { return s.evictions; });
}

}  // namespace mpf::app
