#include <mpf/http/router.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

#include "http/path.hpp"
#include "http/problem.hpp"
#include "http/route_tree.hpp"

namespace mpf::http {

namespace {

struct Target {
  Handler handler;
  std::vector<std::string> params;
  std::string label;  // "GET /items/{id}", for the watchdog
};

struct Layer {
  Middleware run;
  int order;
  std::string name;
};

/// Paths can get long, and what arrives is shown to who sent it: no more of it than needed.
std::string shown(std::string_view path) { return std::string(path.substr(0, 200)); }

std::string allowed_methods(std::uint8_t methods) {
  if (methods & 1u << static_cast<unsigned>(Method::get))
    methods |= 1u << static_cast<unsigned>(Method::head);
  methods |= 1u << static_cast<unsigned>(Method::options);
  std::string text;
  for (unsigned i = 0; i <= static_cast<unsigned>(Method::options); ++i) {
    if (!(methods & 1u << i)) continue;
    if (!text.empty()) text += ", ";
    text += to_string(static_cast<Method>(i));
  }
  return text;
}

void log_failure(const Request& request, int status, std::string_view what) {
  const std::string line = std::string(to_string(request.method)) + " " + shown(request.path) + " answered " +
                           std::to_string(status) + ": " + std::string(what) + " (request " + request.id +
                           ")";
  if (status == 500) {
    log::error("{}", line);
  } else if (status > 500) {
    log::warning("{}", line);
  } else {
    log::debug("{}", line);
  }
}

}  // namespace

struct Router::Impl {
  std::vector<RouteInfo> infos;
  std::vector<Target> targets;
  RouteTree tree;
  std::vector<std::unique_ptr<Layer>> layers;
  Next chain = [this](Request& request) { return route(request); };

  Response route(Request& request) const {
    if (request.path == server_target) return no_route(request, all_methods());
    const auto match = tree.match(request.method, request.path);
    if (!match.route) return no_route(request, match.methods);
    const Target& target = targets[*match.route];
    request.set_route(infos[*match.route].pattern);
    if (match.value_count > 0) {
      std::vector<std::pair<std::string, std::string>> params;
      params.reserve(match.value_count);
      for (std::size_t i = 0; i < match.value_count; ++i)
        params.emplace_back(target.params[i], match.values[i]);
      request.set_params(std::move(params));
    }
    if (fiber::in_fiber()) fiber::set_name(target.label);
    return target.handler(request);
  }

  std::uint8_t all_methods() const {
    unsigned methods = 1u << static_cast<unsigned>(Method::options);
    for (const RouteInfo& info : infos) methods |= 1u << static_cast<unsigned>(info.method);
    return static_cast<std::uint8_t>(methods);
  }

  static Response no_route(const Request& request, std::uint8_t methods) {
    if (methods == 0) {
      return problem_response(404, "not_found", "There is nothing at " + shown(request.path), request.id);
    }
    Response response;
    if (request.method == Method::options) {
      response.status = 204;
    } else {
      response =
          problem_response(405, "method_not_allowed",
                           std::string(to_string(request.method)) + " is not possible here", request.id);
    }
    response.headers.set("Allow", allowed_methods(methods));
    return response;
  }

  void rebuild_chain() {
    chain = [this](Request& request) { return route(request); };
    for (auto it = layers.rbegin(); it != layers.rend(); ++it) {
      chain = [layer = it->get(), next = std::move(chain)](Request& request) {
        return layer->run(request, next);
      };
    }
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::add(Method method, std::string_view pattern, Handler handler, RouteOptions options,
                 std::string owner) {
  auto params = parameter_names(pattern);
  if (const auto taken = impl_->tree.add(method, pattern, impl_->infos.size())) {
    const RouteInfo& other = impl_->infos[*taken];
    throw Error(ErrorKind::configuration,
                "route " + std::string(to_string(method)) + " " + std::string(pattern) +
                    (owner.empty() ? "" : " of " + owner) + " is taken by " + other.pattern +
                    (other.owner.empty() ? "" : " of " + other.owner) + ": change one of them");
  }
  if (options.name.empty()) options.name = pattern;
  impl_->infos.push_back({method, std::string(pattern), std::move(options), std::move(owner)});
  impl_->targets.push_back(
      {std::move(handler), std::move(params), std::string(to_string(method)) + " " + std::string(pattern)});
}

void Router::use(Middleware middleware, int order, std::string name) {
  auto& layers = impl_->layers;
  const auto at = std::upper_bound(layers.begin(), layers.end(), order,
                                   [](int value, const auto& layer) { return value < layer->order; });
  layers.insert(at, std::make_unique<Layer>(Layer{std::move(middleware), order, std::move(name)}));
  impl_->rebuild_chain();
}

std::vector<std::string_view> Router::middleware() const {
  std::vector<std::string_view> names;
  names.reserve(impl_->layers.size());
  for (const auto& layer : impl_->layers) names.emplace_back(layer->name);
  return names;
}

const std::vector<RouteInfo>& Router::routes() const noexcept { return impl_->infos; }

std::string Router::loggable_path(const Request& request) const {
  const auto match = impl_->tree.match(request.method, request.path);
  if (!match.route || impl_->infos[*match.route].options.secret_params.empty()) return request.path;
  const RouteInfo& info = impl_->infos[*match.route];
  std::string shown = request.path;
  const auto& names = impl_->targets[*match.route].params;
  // From the end on, so that the places of those before stay what they are.
  for (std::size_t i = match.value_count; i-- > 0;) {
    const auto& secrets = info.options.secret_params;
    if (std::find(secrets.begin(), secrets.end(), names[i]) == secrets.end()) continue;
    const auto value = std::string_view(match.values[i]);
    shown.replace(static_cast<std::size_t>(value.data() - request.path.data()), value.size(),
                  "{" + names[i] + "}");
  }
  return shown;
}

const RouteOptions* Router::find_options(Method method, std::string_view path) const {
  const auto match = impl_->tree.match(method, path);
  return match.route ? &impl_->infos[*match.route].options : nullptr;
}

Response Router::dispatch(Request& request) const {
  try {
    return impl_->chain(request);
  } catch (...) {
    return answer_current_exception(request);
  }
}

Response answer_current_exception(const Request& request) {
  try {
    throw;
  } catch (const fiber::Cancelled&) {
    throw;
  } catch (const Error& error) {
    Response response = Response::problem(error, request.id);
    log_failure(request, response.status, error.what());
    return response;
  } catch (const std::exception& error) {
    log_failure(request, 500, error.what());
  } catch (...) {
    log_failure(request, 500, "an exception that is no std::exception");
  }
  return Response::problem(Error(ErrorKind::internal, "unexpected exception"), request.id);
}

}  // namespace mpf::http
