#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/secret.hpp>
#include <mpf/base/text.hpp>
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

bool is_loopback(std::string_view address) noexcept {
  return address == "::1" || address.starts_with("127.") || address.starts_with("::ffff:127.");
}

/// What a proxy says of whom it asks for, in one of the usual ways.
bool is_of_proxy(std::string_view header) {
  constexpr std::array names{"forwarded",           "via",
                             "x-real-ip",           "x-client-ip",
                             "x-cluster-client-ip", "true-client-ip",
                             "cf-connecting-ip",    "fastly-client-ip"};
  const auto name = to_lower_ascii(header);
  return name.starts_with("x-forwarded-") || std::ranges::find(names, name) != names.end();
}

/// Why a request may not see the metrics, or nothing.
std::string_view why_not_metrics(const HttpSettings& settings, const http::Request& request) {
  if (!settings.metrics_token.empty()) {
    constexpr std::string_view scheme = "bearer ";
    const std::string_view given = request.header("Authorization");
    const bool bearer = iequals(given.substr(0, scheme.size()), scheme);
    const bool right = bearer && Secret(std::string(given.substr(scheme.size()))) == settings.metrics_token;
    return right ? "" : "it does not show http.metrics_token";
  }
  // A proxy on this machine is local too, those who ask through it are not.
  if (!settings.trusted_proxies.empty()) return "there are proxies: set http.metrics_token, and show it";
  if (!is_loopback(request.remote_address)) return "it comes from another machine: set http.metrics_token";
  const std::string host = request.host();
  if (host != "localhost" && host != "[::1]" && !is_loopback(host)) return "its Host is not this machine";
  for (const auto& [name, value] : request.headers) {
    if (is_of_proxy(name)) return "it comes through a proxy: set http.metrics_token";
  }
  return "";
}

http::Response metrics(Instance& instance, const http::Request& request) {
  if (const auto why = why_not_metrics(instance.settings<HttpSettings>(), request); !why.empty()) {
    throw Error(ErrorKind::not_found,
                fmt::format("metrics are refused to a request from {}: {}", request.remote_address, why),
                "Not found");
  }
  auto response = http::Response::text(instance.metrics().render());
  response.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  return response;
}

}  // namespace

bool is_operations_path(std::string_view path) noexcept {
  return path == live_path || path == ready_path || path == metrics_path;
}

bool is_of_server(std::string_view path) noexcept { return is_operations_path(path) || path == "*"; }

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
