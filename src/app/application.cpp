#include <mpf/app/application.hpp>

#include <unistd.h>

#include <iostream>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/config/configuration.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"
#include "app/signals.hpp"

namespace mpf {

Application::Application(Modules modules, ApplicationOptions options)
    : modules_(std::move(modules)), options_(std::move(options)) {}

Application::~Application() { stop(); }

int Application::main(int argc, const char* const* argv) {
  app::Signals signals;
  StartOptions start;
  start.environment = config::process_environment();
  // They say where the other settings are, so they cannot be settings.
  const auto take = [&](const std::string& name) {
    auto node = start.environment.extract(options_.env_prefix + name);
    return node ? node.mapped() : std::string();
  };
  start.profile = take("PROFILE");
  start.profile_folder = take("PROFILES");
  const Console console{
      .in = &std::cin, .out = &std::cout, .errors = &std::cerr, .terminal = isatty(STDOUT_FILENO) != 0};
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return app::run_command_line(options_, modules_, std::move(start), arguments, console, &signals);
}

int Application::command(const std::vector<std::string>& arguments, const StartOptions& start,
                         const Console& console) {
  return app::run_command_line(options_, modules_, start, arguments, console, nullptr);
}

void Application::start(const StartOptions& options) {
  if (instance_) fail(ErrorKind::internal, "the application is started already");
  auto instance = std::make_unique<app::Instance>(options_, modules_, options);
  instance->configure();
  instance->run([&] {
    instance->prepare();
    instance->start_hooks();
    if (options.worker) instance->work();
    if (options.serve) instance->serve();
  });
  instance_ = std::move(instance);
}

void Application::stop() noexcept { instance_.reset(); }

std::uint16_t Application::port() const { return services().instance().server().port(); }

std::string Application::base_url() const { return fmt::format("http://127.0.0.1:{}", port()); }

Services Application::services() const {
  if (!instance_) fail(ErrorKind::internal, "the application is not started");
  return instance_->services();
}

const std::vector<orm::AnyModel>& Application::models() const {
  return services().instance().registrations().typed_models;
}

std::vector<orm::Table> Application::tables() const {
  std::vector<orm::Table> tables;
  for (const auto& module : services().instance().registrations().models) {
    tables.insert(tables.end(), module.tables.begin(), module.tables.end());
  }
  return tables;
}

void Application::run_in_fiber(const std::function<void()>& body) { instance_->run(body); }

}  // namespace mpf
