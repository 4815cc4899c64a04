#include <mpf/app/services.hpp>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "app/instance.hpp"

namespace mpf {

db::Database& Services::db() const { return instance_->db(); }
cache::Cache& Services::cache() const { return instance_->cache(); }
storage::Storage& Services::storage() const { return instance_->storage(); }
task::Queue& Services::tasks() const { return instance_->tasks(); }
auth::Accounts& Services::accounts() const { return instance_->accounts(); }
auth::Sessions& Services::sessions() const { return instance_->sessions(); }
tenant::Sites& Services::sites() const { return instance_->sites(); }
telemetry::Metrics& Services::metrics() const { return instance_->metrics(); }
fiber::Runtime& Services::runtime() const { return instance_->runtime(); }
const Clock& Services::clock() const { return instance_->clock(); }

orm::SiteScope Services::site_scope(Id site) const {
  const auto found = sites().find(site);
  if (!found) fail(ErrorKind::not_found, fmt::format("there is no active site {}", site.value));
  return {db(), found->id, found->provider_id, clock()};
}

orm::SystemScope Services::system_scope(std::string_view reason) const { return {db(), reason, clock()}; }

const void* Services::settings_erased(std::type_index type) const { return instance_->settings(type); }
void* Services::service_erased(std::type_index type) const { return instance_->service(type); }
void Services::emit_erased(std::type_index type, const void* event) const { instance_->emit(type, event); }

}  // namespace mpf
