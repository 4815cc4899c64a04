#include <mpf/app/setup.hpp>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/orm/row_security.hpp>
#include <mpf/task/context.hpp>
#include <mpf/telemetry/log.hpp>
#include <mpf/web/static_files.hpp>

#include "app/instance.hpp"

namespace mpf {

namespace {

migrate::ModuleModels& models_of(app::Registrations& registrations, const std::string& module) {
  for (auto& models : registrations.models) {
    if (models.module == module) return models;
  }
  registrations.models.emplace_back();
  registrations.models.back().module = module;
  return registrations.models.back();
}

}  // namespace

config::Configuration& Setup::configuration() { return instance_->configuration(); }
task::Registry& Setup::registry() { return instance_->registrations().tasks; }

void Setup::run_task(const Services& services, task::Context& task,
                     const std::function<void(TaskContext&)>& body) {
  const auto use = telemetry::use(services.instance().logger());
  const log::FieldScope name("task", fmt::format("{}#{}", task.name(), task.task_id().value));
  std::optional<log::FieldScope> site;
  if (task.site()) site.emplace("site", *task.site());
  TaskContext context(services, task);
  body(context);
}

void Setup::add_settings(std::type_index type, std::string_view section, std::shared_ptr<const void> value) {
  if (!instance_->registrations().settings.emplace(type, std::move(value)).second) {
    throw Error(
        ErrorKind::configuration,
        fmt::format("module '{}' declares settings '{}' with a struct that another section has already",
                    module_, section));
  }
}

void Setup::add_model(const orm::AnyModel& model) {
  auto table = model.table();
  if (instance_->options().row_security && !table.row_security) {
    table.row_security = orm::row_security_of(model.info());
  }
  models_of(instance_->registrations(), module_).tables.push_back(std::move(table));
  instance_->registrations().typed_models.push_back(model);
}

void Setup::migrations(const EmbeddedFiles& files, std::filesystem::path source_folder) {
  auto& models = models_of(instance_->registrations(), module_);
  models.migrations = &files;
  models.source_folder = std::move(source_folder);
}

void Setup::migration_function(std::string name, migrate::DataFunction function) {
  models_of(instance_->registrations(), module_).functions[std::move(name)] = std::move(function);
}

void Setup::route(http::Method method, std::string_view pattern, Handler handler,
                  http::RouteOptions options) {
  instance_->registrations().router.add(
      method, pattern,
      [services = services(), handler = std::move(handler)](http::Request& request) {
        Context context(services, request);
        return handler(context);
      },
      std::move(options), module_);
}

void Setup::static_files(std::string_view prefix, const EmbeddedFiles& files) {
  instance_->registrations().router.add(http::Method::get, fmt::format("{}/{{path*}}", prefix),
                                        web::static_files(files), {}, module_);
}

void Setup::static_files(std::string_view prefix, const std::filesystem::path& folder) {
  instance_->registrations().router.add(http::Method::get, fmt::format("{}/{{path*}}", prefix),
                                        web::static_files(folder), {}, module_);
}

void Setup::middleware(ContextMiddleware middleware, int order) {
  instance_->registrations().router.use(
      [services = services(), middleware = std::move(middleware)](http::Request& request,
                                                                  const http::Next& next) {
        Context context(services, request);
        return middleware(context, [&] { return next(request); });
      },
      order, module_);
}

void Setup::page_look(std::function<http::PageLook(const tenant::CurrentSite&)> look) {
  auto& known = instance_->registrations().page_look;
  if (known) {
    throw Error(
        ErrorKind::configuration,
        fmt::format("module '{}' says how error pages look, which another module does already", module_));
  }
  known = std::move(look);
}

void Setup::on_start(std::function<void(const Services&)> hook) {
  instance_->registrations().start_hooks.push_back(std::move(hook));
}

void Setup::cleanup(std::string what, std::function<std::uint64_t(const Services&)> remove) {
  instance_->registrations().cleanups.push_back({std::move(what), std::move(remove)});
}

void Setup::health_check(std::string name, std::function<void(const Services&)> check) {
  instance_->registrations().health_checks.push_back({std::move(name), std::move(check)});
}

void Setup::add_event_handler(std::type_index type,
                              std::function<void(const Services&, const void*)> handler) {
  instance_->registrations().event_handlers[type].push_back(std::move(handler));
}

void Setup::add_service(std::type_index type, std::function<std::shared_ptr<void>(const Services&)> make) {
  auto& services = instance_->registrations().services;
  const bool taken =
      std::any_of(services.begin(), services.end(), [&](const auto& other) { return other.first == type; });
  if (taken) {
    throw Error(ErrorKind::configuration,
                fmt::format("module '{}' provides a service that another module provides already", module_));
  }
  services.emplace_back(type, std::move(make));
}

Command& Setup::command(std::string name, std::string help) {
  auto& commands = instance_->registrations().commands;
  for (const auto& other : commands) {
    if (other->name() == name) {
      throw Error(ErrorKind::configuration,
                  fmt::format("module '{}' adds a command '{}', which is there already", module_, name));
    }
  }
  return *commands.emplace_back(std::make_unique<Command>(std::move(name), std::move(help)));
}

}  // namespace mpf
