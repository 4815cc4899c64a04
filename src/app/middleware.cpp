#include "app/middleware.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/core.h>

#include <mpf/app/setup.hpp>
#include <mpf/auth/middleware.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>
#include <mpf/cache/stash.hpp>
#include <mpf/db/own_writes.hpp>
#include <mpf/db/query_log.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/error_page.hpp>
#include <mpf/telemetry/log.hpp>
#include <mpf/tenant/middleware.hpp>
#include <mpf/web/compression.hpp>
#include <mpf/web/security.hpp>

#include "app/instance.hpp"

namespace mpf::app {

namespace {

using Steady = std::chrono::steady_clock;

/// The metrics of each route, looked up once.
class RequestMetrics {
 public:
  RequestMetrics(telemetry::Metrics& metrics, const http::Router& router) {
    add(metrics, "");
    for (const auto& route : router.routes()) add(metrics, route.pattern);
  }

  void record(std::string_view route, int status, double seconds) const {
    const auto found = routes_.find(std::string(route));
    if (found == routes_.end()) return;
    found->second.seconds->observe(seconds);
    const auto index = static_cast<std::size_t>(status / 100);
    if (index >= 1 && index <= 5) found->second.answers[index - 1]->add();
  }

 private:
  struct Route {
    telemetry::Histogram* seconds;
    std::array<telemetry::Counter*, 5> answers;
  };

  void add(telemetry::Metrics& metrics, const std::string& pattern) {
    const std::string label = pattern.empty() ? "none" : pattern;
    Route route{
        &metrics.histogram("mpf_http_request_seconds", "Time to answer a request", {{"route", label}}), {}};
    for (std::size_t i = 0; i < route.answers.size(); ++i) {
      route.answers[i] = &metrics.counter("mpf_http_requests_total", "Requests answered",
                                          {{"route", label}, {"status", fmt::format("{}xx", i + 1)}});
    }
    routes_.emplace(pattern, route);
  }

  std::unordered_map<std::string, Route> routes_;
};

/// Log fields that say whose request it is, as far as is known.
class RequestFields {
 public:
  explicit RequestFields(const http::Request& request) {
    if (const auto* site = tenant::current_site(request)) site_.emplace("site", site->slug);
    const auto* identity = auth::current_identity(request);
    if (const auto* user = identity ? identity->known_user() : nullptr) user_.emplace("user", user->id);
  }

 private:
  // Each restores what was before it: the inner one must go first.
  std::optional<log::FieldScope> site_;
  std::optional<log::FieldScope> user_;
};

std::string loggable(Instance& instance, const http::Request& request) {
  return instance.registrations().router.loggable_path(request);
}

/// How the site of a request looks, as far as it is known and a module tells.
http::PageLook look_of(Instance& instance, const http::Request& request) {
  const auto* site = tenant::current_site(request);
  const auto& look = instance.registrations().page_look;
  if (site == nullptr || !look) return {};
  try {
    return look(*site);
  } catch (const std::exception& error) {
    log::warning("the look of site {} is not known: {}", site->slug, error.what());
    return {};
  }
}

/// Problems for programs become pages for people.
http::Response for_asker(Instance& instance, const http::Request& request, http::Response response) {
  if (response.status < 400 || !http::wants_page(request)) return response;
  return http::page_of_problem(std::move(response), request.id, look_of(instance, request));
}

http::Response answer_error(Instance& instance, const Error& error, const http::Request& request) {
  const RequestFields fields(request);
  const int status = http_status(error.kind());
  const auto level = status == 500  ? log::Level::error
                     : status > 500 ? log::Level::warning
                                    : log::Level::debug;
  if (log::enabled(level)) {
    log::write(level, fmt::format("{} {}: {}", to_string(request.method), loggable(instance, request),
                                  error.what()));
  }
  return http::Response::problem(error, request.id);
}

http::Response answer(Instance& instance, http::Request& request, const http::Next& next) {
  try {
    return for_asker(instance, request, next(request));
  } catch (const Error& error) {
    return for_asker(instance, request, answer_error(instance, error, request));
  } catch (const std::exception& error) {
    return for_asker(instance, request,
                     answer_error(instance, Error(ErrorKind::internal, error.what()), request));
  }
}

http::Middleware record_requests(Instance& instance) {
  auto metrics = std::make_shared<RequestMetrics>(instance.metrics(), instance.registrations().router);
  const auto& settings = instance.settings<HttpSettings>();
  return [&instance, metrics = std::move(metrics), logged = settings.log_requests,
          budget = static_cast<std::size_t>(settings.query_budget)](http::Request& request,
                                                                    const http::Next& next) {
    const auto begin = Steady::now();
    const auto use = telemetry::use(instance.logger());
    const log::FieldScope id("request", request.id);
    const auto stash = cache::RequestStash::open();
    const db::QueryLogScope queries(budget);
    const db::OwnWritesScope writes;
    const auto seconds = [begin] { return std::chrono::duration<double>(Steady::now() - begin); };
    http::Response response;
    try {
      response = answer(instance, request, next);
    } catch (const fiber::Cancelled&) {
      if (logged) {
        const RequestFields fields(request);
        log::info("{} {} given up after {:.1f} ms: the client went away, or the server stops",
                  to_string(request.method), loggable(instance, request), seconds().count() * 1000);
      }
      throw;
    }
    response.header("X-Request-Id", request.id);
    const auto took = seconds();
    metrics->record(request.route(), response.status, took.count());
    if (!is_operations_path(request.path)) {
      const bool over = queries->over_budget();
      if (logged || over) {
        const RequestFields fields(request);
        const auto summary = queries->summary();
        log::write(over ? log::Level::warning : log::Level::info,
                   fmt::format("{} {} {} {:.1f} ms, {}", to_string(request.method),
                               loggable(instance, request), response.status, took.count() * 1000, summary));
      }
    }
    return response;
  };
}

}  // namespace

std::vector<FrameworkMiddleware> framework_middleware(const Instance& instance) {
  std::vector<FrameworkMiddleware> all{
      {"security headers", middleware_order::security, [](Instance&) { return web::security_headers(); }},
      {"request", middleware_order::request, record_requests}};
  if (instance.settings<HttpSettings>().compress) {
    all.push_back(
        {"compression", middleware_order::compression, [](Instance&) { return web::compress_answers(); }});
  }
  all.push_back({"site", middleware_order::site,
                 [](Instance& i) { return tenant::site_of_host(i.sites(), is_of_server); }});
  all.push_back({"identity", middleware_order::identity,
                 [](Instance& i) { return auth::identify(i.db(), i.sessions()); }});
  all.push_back({"forgery protection", middleware_order::csrf,
                 [](Instance& i) { return auth::protect_from_forgery(i.registrations().router); }});
  return all;
}

}  // namespace mpf::app
