#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/fiber/fiber.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"
#include "app/migrate_task.hpp"

namespace mpf::app {

namespace {

std::string shown_address(const HttpSettings& settings, std::string_view host, std::uint16_t port) {
  const std::string_view name = host.empty() ? std::string_view(settings.address) : host;
  return port == 80 ? fmt::format("http://{}/", name) : fmt::format("http://{}:{}/", name, port);
}

void print_addresses(const CommandContext& ctx, Instance& instance) {
  const auto& settings = instance.settings<HttpSettings>();
  const std::uint16_t port = instance.server().port();
  ctx.print(fmt::format("{} serves on {}:{}", instance.options().name, settings.address, port));
  bool any = false;
  for (const tenant::Site& site : ctx.sites().sites()) {
    if (!site.active) continue;
    for (const tenant::SiteHost& host : ctx.sites().hosts(site.id)) {
      ctx.print(fmt::format("  {:<20} {}", site.name, shown_address(settings, host.host, port)));
      any = true;
    }
  }
  if (!any) {
    ctx.print(fmt::format("  no site has a host yet: `{} site create` makes one", instance.options().name));
  }
}

/// Until the command is cancelled, which is how a signal ends it.
[[noreturn]] void wait_for_signal() {
  for (;;) fiber::sleep_for(std::chrono::hours(24));
}

void until_signal(const std::function<void()>& start) {
  try {
    start();
    wait_for_signal();
  } catch (const fiber::Cancelled&) {
    // The end that was asked for: what runs is ended by Instance::stop().
  }
}

}  // namespace

void add_serve_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("serve", "Serves the sites and runs tasks, until SIGTERM"));
  commands.back()->flag("no-worker", "Leave tasks to other processes").run([&instance](CommandContext& ctx) {
    until_signal([&] {
      instance.start_hooks();
      if (!ctx.flag("no-worker")) instance.work();
      instance.serve();
      print_addresses(ctx, instance);
    });
  });

  commands.push_back(std::make_unique<Command>("worker", "Runs tasks, until SIGTERM"));
  commands.back()->needs(Needs::database).run([&instance](CommandContext& ctx) {
    until_signal([&] {
      work_off_apply(instance);
      instance.prepare();
      instance.start_hooks();
      instance.work();
      ctx.print(fmt::format("{} runs tasks", instance.options().name));
    });
  });
}

}  // namespace mpf::app

namespace mpf {

void CommandContext::start_worker() const { instance().work(); }

}  // namespace mpf
