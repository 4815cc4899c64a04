#pragma once

#include <functional>
#include <memory>

#include <mpf/app/services.hpp>
#include <mpf/auth/identity.hpp>
#include <mpf/auth/models.hpp>
#include <mpf/http/message.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

namespace mpf {

namespace task {
class Context;
}

/// A request with what is known about it and everything that a handler may need. Belongs to the handler's
/// fiber.
class Context : public Services {
 public:
  Context(Services services, http::Request& request) : Services(services), request_(&request) {}

  http::Request& request() const noexcept { return *request_; }

  /// The site of the request's host. Every route but /health/… and /metrics has one.
  const tenant::CurrentSite& site() const;

  /// Who asks, or null for a visitor. The session is read on the first call.
  const auth::User* user() const;
  /// Error(unauthenticated) for visitors.
  const auth::User& require_user() const;
  /// Error(unauthenticated) for visitors, Error(denied) for users who are neither staff nor owner.
  const auth::User& require_staff() const;
  const auth::User& require_owner() const;

  /// The session and CSRF token of the request; signs in and out.
  auth::Identity& identity() const;

  /// Rows of the request's site.
  orm::SiteScope scope() const;

 private:
  http::Request* request_;
};

using Handler = std::function<http::Response(Context&)>;

/// A running task with the application's services. Belongs to the task's fiber.
class TaskContext : public Services {
 public:
  TaskContext(Services services, task::Context& task) : Services(services), task_(&task) {}

  /// Progress, cancellation, attempt, result.
  task::Context& task() const noexcept { return *task_; }

  /// The site that the task was enqueued for. Error(invalid) if for none, Error(not_found) if it is gone:
  /// both end the task for good.
  Id site_id() const;
  std::shared_ptr<const tenant::CurrentSite> site() const;
  orm::SiteScope scope() const;

 private:
  task::Context* task_;
};

}  // namespace mpf
