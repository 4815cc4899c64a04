#include <string>
#include <vector>

#include <mpf/app/command.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/reflect.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"
#include "app/middleware.hpp"
#include "app/module_order.hpp"

namespace mpf::app {

namespace {

struct SettingLine {
  std::string key;
  std::string value;
  std::string origin;
  std::string help;
  static constexpr auto describe() {
    return mpf::describe(field<&SettingLine::key>(), field<&SettingLine::value>(),
                         field<&SettingLine::origin>(), field<&SettingLine::help>());
  }
};

struct RouteLine {
  std::string method;
  std::string pattern;
  std::string module;
  std::string group;
  bool csrf = true;
  static constexpr auto describe() {
    return mpf::describe(field<&RouteLine::method>(), field<&RouteLine::pattern>(),
                         field<&RouteLine::module>(), field<&RouteLine::group>(), field<&RouteLine::csrf>());
  }
};

void show_settings(Instance& instance, CommandContext& ctx) {
  std::vector<SettingLine> lines;
  const std::string prefix = ctx.find("section").value_or("");
  for (auto& entry : instance.configuration().entries()) {
    if (!entry.key.starts_with(prefix)) continue;
    lines.push_back({entry.key, entry.value, entry.origin, std::string(entry.help)});
  }
  if (ctx.flag("json")) {
    ctx.print(to_json(lines));
    return;
  }
  std::vector<std::vector<std::string>> rows{{"SETTING", "VALUE", "FROM", "WHAT"}};
  for (auto& line : lines) rows.push_back({line.key, line.value, line.origin, line.help});
  ctx.out() << "profile: " << instance.configuration().profile() << "\n\n" << table(rows);
}

void show_routes(Instance& instance, CommandContext& ctx) {
  std::vector<RouteLine> lines;
  for (const auto& route : instance.registrations().router.routes()) {
    lines.push_back({std::string(to_string(route.method)), route.pattern, route.owner,
                     std::string(service_group(route.owner)), route.options.csrf});
  }
  if (ctx.flag("json")) {
    ctx.print(to_json(lines));
    return;
  }
  std::vector<std::vector<std::string>> rows{{"METHOD", "PATTERN", "MODULE", ""}};
  for (auto& line : lines)
    rows.push_back({line.method, line.pattern, line.module, line.csrf ? "" : "no csrf"});
  // What the framework adds is made when it serves; here the names are enough.
  auto& router = instance.registrations().router;
  for (const auto& own : framework_middleware(instance)) router.use({}, own.order, own.name);
  ctx.out() << table(rows) << "\nmiddleware, outermost first:";
  for (const auto name : router.middleware()) ctx.out() << "\n  " << name;
  ctx.out() << "\n";
}

}  // namespace

void add_settings_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("settings", "Shows all settings and where they come from"));
  commands.back()
      ->optional_argument("section", "Only those that begin so, such as http")
      .flag("json", "As JSON")
      .needs(Needs::configuration)
      .run([&instance](CommandContext& ctx) { show_settings(instance, ctx); });

  commands.push_back(std::make_unique<Command>("routes", "Lists the routes and the modules they belong to"));
  commands.back()->flag("json", "As JSON").needs(Needs::configuration).run([&instance](CommandContext& ctx) {
    show_routes(instance, ctx);
  });
}

void add_framework_commands(Instance& instance) {
  add_serve_commands(instance);
  add_migrate_commands(instance);
  add_data_commands(instance);
  add_site_commands(instance);
  add_user_commands(instance);
  add_settings_commands(instance);
}

}  // namespace mpf::app
