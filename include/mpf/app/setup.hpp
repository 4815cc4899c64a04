#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>

#include <mpf/app/command.hpp>
#include <mpf/app/context.hpp>
#include <mpf/app/module.hpp>
#include <mpf/base/embedded.hpp>
#include <mpf/config/configuration.hpp>
#include <mpf/http/error_page.hpp>
#include <mpf/http/router.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/orm/any_model.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/task/registry.hpp>

namespace mpf {

/// Where middleware of modules goes among MPF's own: lower is further out.
namespace middleware_order {
inline constexpr int security = -1100;    ///< security headers, on failures too
inline constexpr int request = -1000;     ///< request id, log line, errors to answers, metrics
inline constexpr int compression = -900;  ///< gzip for those who take it
inline constexpr int site = -500;         ///< site of the host
inline constexpr int identity = -400;     ///< session and user
inline constexpr int csrf = -300;         ///< refuses forged requests
inline constexpr int module = 0;          ///< default of Setup::middleware
}  // namespace middleware_order

/// Collects what one module adds. Given to Module::setup(), and valid only there.
class Setup {
 public:
  Setup(app::Instance& instance, std::string module) : instance_(&instance), module_(std::move(module)) {}
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  const std::string& module() const noexcept { return module_; }

  /// Declares a section of the configuration and gives its values; later Services::settings<S>() does. Wrong
  /// or missing values are collected: then the application doesn't start, and tells all of them.
  template <class S>
  const S& settings(std::string_view section) {
    auto value = std::make_shared<S>(configuration().section<S>(section));
    const S& result = *value;
    add_settings(typeid(S), section, std::move(value));
    return result;
  }

  /// A model whose table belongs to this module. Tables of modules exist once `migrate` has run.
  template <class M>
  void model() {
    add_model(orm::AnyModel::of<M>());
  }
  /// Migrations as compiled in; `source_folder` is where `migrate make` writes new ones.
  void migrations(const EmbeddedFiles& files, std::filesystem::path source_folder = {});
  /// What the operation `call` of this module's migrations runs, by name.
  void migration_function(std::string name, migrate::DataFunction function);

  /// Routes. Patterns and conflicts: http::Router.
  void route(http::Method method, std::string_view pattern, Handler handler, http::RouteOptions options = {});
  void get(std::string_view pattern, Handler handler, http::RouteOptions options = {}) {
    route(http::Method::get, pattern, std::move(handler), std::move(options));
  }
  void post(std::string_view pattern, Handler handler, http::RouteOptions options = {}) {
    route(http::Method::post, pattern, std::move(handler), std::move(options));
  }
  void put(std::string_view pattern, Handler handler, http::RouteOptions options = {}) {
    route(http::Method::put, pattern, std::move(handler), std::move(options));
  }
  void patch(std::string_view pattern, Handler handler, http::RouteOptions options = {}) {
    route(http::Method::patch, pattern, std::move(handler), std::move(options));
  }
  void del(std::string_view pattern, Handler handler, http::RouteOptions options = {}) {
    route(http::Method::del, pattern, std::move(handler), std::move(options));
  }

  /// Files under "<prefix>/{path*}", of the program or of a folder; with ETag, immutable when hashed.
  void static_files(std::string_view prefix, const EmbeddedFiles& files);
  void static_files(std::string_view prefix, const std::filesystem::path& folder);

  /// Around all requests of the application. The services are there once it is started.
  using ContextMiddleware =
      std::function<http::Response(Context&, const std::function<http::Response()>& next)>;
  void middleware(ContextMiddleware middleware, int order = middleware_order::module);

  /// How tasks with payload P are run. The name goes with the stored task: keep it when code moves.
  template <class P>
  void task(std::string name, std::function<void(TaskContext&, const P&)> run,
            task::TaskOptions options = {}) {
    registry().template add<P>(
        std::move(name),
        [services = services(), run = std::move(run)](task::Context& task, const P& payload) {
          run_task(services, task, [&](TaskContext& context) { run(context, payload); });
        },
        std::move(options));
  }

  /// Called for each Services::emit() of this event, in the emitting fiber.
  template <class E>
  void on(std::function<void(const Services&, const E&)> handler) {
    add_event_handler(typeid(E), [handler = std::move(handler)](const Services& services, const void* event) {
      handler(services, *static_cast<const E*>(event));
    });
  }

  /// A service of which the application has one, made at its start in a fiber, in the order of provide(),
  /// destroyed in the reverse order.
  template <class S>
  void provide(std::function<std::unique_ptr<S>(const Services&)> make) {
    add_service(typeid(S), [make = std::move(make)](const Services& services) -> std::shared_ptr<void> {
      return std::shared_ptr<S>(make(services));
    });
  }

  /// How pages that tell of errors look on a site (http::error_page()); one module of the application says.
  void page_look(std::function<http::PageLook(const tenant::CurrentSite&)> look);

  /// Runs in a fiber at the end of a start, before the first request and the first task.
  void on_start(std::function<void(const Services&)> hook);

  /// Removes what has expired ("expired grants") and says how many that were. Each process that serves calls
  /// it at its start and every hour, in a fiber. What it throws is logged, and the next time comes.
  void cleanup(std::string what, std::function<std::uint64_t(const Services&)> remove);

  /// Part of /health/ready, which shows the name only. Not ready when it throws; the log says why.
  void health_check(std::string name, std::function<void(const Services&)> check);

  /// A verb of the command line. Error(configuration) if the name is taken.
  Command& command(std::string name, std::string help);

 private:
  config::Configuration& configuration();
  task::Registry& registry();
  Services services() const { return Services(*instance_); }
  static void run_task(const Services& services, task::Context& task,
                       const std::function<void(TaskContext&)>& body);
  void add_settings(std::type_index type, std::string_view section, std::shared_ptr<const void> value);
  void add_model(const orm::AnyModel& model);
  void add_event_handler(std::type_index type, std::function<void(const Services&, const void*)> handler);
  void add_service(std::type_index type, std::function<std::shared_ptr<void>(const Services&)> make);

  app::Instance* instance_;
  std::string module_;
};

}  // namespace mpf
