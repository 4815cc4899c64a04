#pragma once

#include <string>
#include <vector>

#include <mpf/app/application.hpp>
#include <mpf/app/command.hpp>

namespace mpf::app {

class Instance;
class Signals;

/// Runs the verb that the arguments (without the program's name) say; returns the exit code. `signals` may
/// be null.
int run_command_line(const ApplicationOptions& options, const Modules& modules, StartOptions start,
                     const std::vector<std::string>& arguments, const Console& console, Signals* signals);

/// The verbs that every application has.
void add_serve_commands(Instance& instance);
void add_migrate_commands(Instance& instance);
void add_data_commands(Instance& instance);
void add_site_commands(Instance& instance);
void add_user_commands(Instance& instance);
void add_settings_commands(Instance& instance);

/// Columns side by side, wide enough for what is in them; the first row is the head.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace mpf::app
