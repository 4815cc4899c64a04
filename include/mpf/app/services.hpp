#pragma once

#include <memory>
#include <string_view>
#include <typeindex>

#include <mpf/base/error.hpp>
#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

namespace mpf {

namespace auth {
class Accounts;
class Sessions;
}  // namespace auth
namespace cache {
class Cache;
}
namespace db {
class Database;
}
namespace fiber {
class Runtime;
}
namespace storage {
class Storage;
}
namespace task {
class Queue;
}
namespace telemetry {
class Metrics;
}
namespace tenant {
class Sites;
}

namespace app {
class Instance;  // a started application, hidden
}

/// What a running application offers to its handlers, tasks, commands and event handlers. A cheap handle,
/// valid while the application is started; safe to use from any of its fibers.
class Services {
 public:
  explicit Services(app::Instance& instance) : instance_(&instance) {}

  db::Database& db() const;
  cache::Cache& cache() const;
  storage::Storage& storage() const;
  task::Queue& tasks() const;
  auth::Accounts& accounts() const;
  auth::Sessions& sessions() const;
  tenant::Sites& sites() const;
  telemetry::Metrics& metrics() const;
  fiber::Runtime& runtime() const;
  const Clock& clock() const;

  /// Settings that a module has declared by Setup::settings<S>(). A mistake of the programmer if none has.
  template <class S>
  const S& settings() const {
    return *static_cast<const S*>(settings_erased(typeid(S)));
  }

  /// The service that a module has provided by Setup::provide<S>(). A mistake of the programmer if none has.
  template <class S>
  S& service() const {
    return *static_cast<S*>(service_erased(typeid(S)));
  }

  /// Calls all handlers of this event, in the order of modules, in this fiber and so in its open
  /// transaction. An exception of one ends the emission and comes through.
  template <class E>
  void emit(const E& event) const {
    emit_erased(typeid(E), &event);
  }

  /// Rows of one site. Error(not_found) if there is no such site.
  orm::SiteScope site_scope(Id site) const;
  /// Rows of all sites. Why is logged.
  orm::SystemScope system_scope(std::string_view reason) const;

  app::Instance& instance() const noexcept { return *instance_; }  ///< for MPF's own sources

 private:
  const void* settings_erased(std::type_index type) const;
  void* service_erased(std::type_index type) const;
  void emit_erased(std::type_index type, const void* event) const;

  app::Instance* instance_;
};

}  // namespace mpf
