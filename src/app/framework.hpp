#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include <mpf/app/application.hpp>
#include <mpf/app/settings.hpp>
#include <mpf/config/configuration.hpp>
#include <mpf/http/server.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/orm/any_model.hpp>

namespace mpf::app {

class Instance;
struct Registrations;

/// The configuration of all layers. `lenient`: without profiles if they cannot be read.
config::Configuration load_configuration(const ApplicationOptions& options, const StartOptions& start,
                                         bool lenient);

/// Tables and migrations of MPF's own modules.
std::vector<migrate::ModuleModels> framework_models(bool row_security);
/// Those of these tables that are models.
std::vector<orm::AnyModel> typed_framework_models();

/// Puts the log of changes behind the wall where models are that have one, or with `all` of them behind it:
/// orm::change_log_security().
void secure_change_log(Registrations& registrations, bool all);

http::ServerOptions server_options(const HttpSettings& settings);

/// Error(configuration) naming the setting when the folder is not there and cannot be made. Blocks.
void make_folder(const std::filesystem::path& folder, std::string_view setting);

/// Gauges of cache, tasks and connections, read when the metrics are.
void observe(Instance& instance);

}  // namespace mpf::app
