#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/telemetry/log.hpp>

#include "app/instance.hpp"
#include "app/middleware.hpp"

namespace mpf::app {

namespace {

constexpr std::string_view live_path = "/health/live";
constexpr std::string_view ready_path = "/health/ready";
constexpr std::string_view metrics_path = "/metrics";
constexpr std::chrono::seconds check_timeout{5};

/// Less free room than this is a full disk.
constexpr std::size_t probe_bytes = 64 * 1024;

/// Names and outcomes only: why a check fails is for the log.
struct Readiness {
  std::string status;
  std::map<std::string, std::string> checks;

  static constexpr auto describe() {
    return mpf::describe(field<&Readiness::status>(), field<&Readiness::checks>());
  }
};

bool passes(const std::string& name, const std::function<void()>& check) {
  try {
    const fiber::DeadlineScope deadline{check_timeout};
    check();
    return true;
  } catch (const std::exception& e) {
    log::warning("not ready: {}: {}", name, e.what());
    return false;
  }
}

/// Keeps what it has read of migrations from one probe to the next.
class AppliedCheck {
 public:
  explicit AppliedCheck(Instance& instance) : instance_(instance) {}

  void run() {
    const std::scoped_lock lock(mutex_);
    if (!migrator_) migrator_ = instance_.migrator();
    const auto pending = migrator_->pending();
    if (!pending.empty()) {
      fail(ErrorKind::unavailable, "migration " + pending.front().to_string() + " has not been applied");
    }
  }

 private:
  Instance& instance_;
  fiber::Mutex mutex_;
  std::unique_ptr<migrate::Migrator> migrator_;
};

/// A reachable database that takes no writes (read-only, or its one writer stuck) is of little use. Changes
/// nothing.
void require_writable(db::Database& db) {
  db.transaction([&](db::Transaction&) {
    db.execute({"UPDATE mpf_cache_epoch SET number = number WHERE id < 0", {}, db::Access::write});
  });
}

/// Only what has got as far as the disk shows that there is room.
void require_room(storage::Storage& storage) {
  storage.remove(storage.put(std::string(probe_bytes, '\0'), {.folder = "health", .extension = {}}).name);
}

http::Response ready(Instance& instance, AppliedCheck& applied) {
  Readiness result{"ready", {}};
  const auto check = [&](const std::string& name, const std::function<void()>& body) {
    const bool ok = passes(name, body);
    if (!ok) result.status = "not_ready";
    result.checks[name] = ok ? "ok" : "failed";
  };
  check("database", [&] { require_writable(instance.db()); });
  check("migrations", [&] { applied.run(); });
  check("storage", [&] { require_room(instance.storage()); });
  for (const auto& own : instance.registrations().health_checks) {
    check(own.name, [&] { own.check(instance.services()); });
  }
  auto response = http::Response::json(result, result.status == "ready" ? 200 : 503);
  response.header("Cache-Control", "no-store");
  return response;
}

bool is_local(const http::Request& request) noexcept {
  // A proxy on this machine is local too, those who ask through it are not.
  if (!request.header("X-Forwarded-For").empty() || !request.header("Forwarded").empty()) return false;
  return request.remote_address == "::1" || request.remote_address.starts_with("127.") ||
         request.remote_address.starts_with("::ffff:127.");
}

http::Response metrics(Instance& instance, const http::Request& request) {
  if (!is_local(request)) fail(ErrorKind::not_found, "Not found");
  auto response = http::Response::text(instance.metrics().render());
  response.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  return response;
}

}  // namespace

bool is_operations_path(std::string_view path) noexcept {
  return path == live_path || path == ready_path || path == metrics_path;
}

void add_operations_routes(Instance& instance) {
  auto& router = instance.registrations().router;
  router.add(
      http::Method::get, live_path,
      [](http::Request&) { return http::Response::json_text(R"({"status":"live"})"); }, {}, "mpf");
  const auto applied = std::make_shared<AppliedCheck>(instance);
  router.add(
      http::Method::get, ready_path,
      [&instance, applied](http::Request&) { return ready(instance, *applied); }, {}, "mpf");
  router.add(
      http::Method::get, metrics_path,
      [&instance](http::Request& request) { return metrics(instance, request); }, {}, "mpf");
}

}  // namespace mpf::app
