#include <mpf/app/context.hpp>

#include <fmt/core.h>

#include <mpf/auth/middleware.hpp>
#include <mpf/base/error.hpp>
#include <mpf/task/context.hpp>
#include <mpf/tenant/middleware.hpp>
#include <mpf/tenant/sites.hpp>

namespace mpf {

const tenant::CurrentSite& Context::site() const {
  const auto* site = tenant::current_site(*request_);
  if (!site) fail(ErrorKind::internal, fmt::format("{} is served without a site", request_->path));
  return *site;
}

auth::Identity& Context::identity() const {
  auto* identity = auth::current_identity(*request_);
  if (!identity) fail(ErrorKind::internal, fmt::format("{} is served without identity", request_->path));
  return *identity;
}

const auth::User* Context::user() const { return identity().user(); }

const auth::User& Context::require_user() const {
  const auth::User* found = user();
  if (!found) fail(ErrorKind::unauthenticated, "Please sign in");
  return *found;
}

const auth::User& Context::require_staff() const {
  const auth::User& found = require_user();
  if (!found.is_staff()) fail(ErrorKind::denied, "This is for the staff of the site");
  return found;
}

const auth::User& Context::require_owner() const {
  const auth::User& found = require_user();
  if (found.role != auth::Role::owner) fail(ErrorKind::denied, "This is for the owners of the site");
  return found;
}

orm::SiteScope Context::scope() const {
  const tenant::CurrentSite& current = site();
  return {db(), current.id, current.provider_id, clock()};
}

Id TaskContext::site_id() const {
  const auto site = task_->site();
  if (!site) {
    fail(ErrorKind::invalid, fmt::format("task '{}' was enqueued without a site", task_->name()));
  }
  return *site;
}

std::shared_ptr<const tenant::CurrentSite> TaskContext::site() const {
  const Id id = site_id();
  auto found = sites().find(id);
  if (!found) fail(ErrorKind::not_found, fmt::format("there is no active site {}", id.value));
  return found;
}

orm::SiteScope TaskContext::scope() const { return site_scope(site_id()); }

}  // namespace mpf
