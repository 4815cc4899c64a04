#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/http/message.hpp>

namespace mpf::http {

using Handler = std::function<Response(Request&)>;

/// The rest of the chain, up to and with the handler.
using Next = std::function<Response(Request&)>;

/// Runs around everything after it: may answer by itself, change the request before or the answer after.
/// Exceptions of handlers pass through middleware; who catches one rethrows or answers.
using Middleware = std::function<Response(Request&, const Next&)>;

struct RouteOptions {
  std::string name;                                  ///< for listings and metrics; default: the pattern
  std::optional<std::size_t> max_body;               ///< bytes; default: the server's
  std::optional<std::chrono::milliseconds> timeout;  ///< default: the server's
  bool csrf = true;                                  ///< false: exempt (web-hooks, token APIs)
  /// Whether the handler's fiber is cancelled (fiber::Cancelled at its wait) when the client goes away while
  /// it runs. Default: GET and HEAD only, what others began is finished. A client that ends just its own
  /// side while it waits counts as gone; one that did so along with its request is answered.
  std::optional<bool> cancel_when_gone = {};
  /// Parameters of the path that are secrets: the log shows their names instead.
  std::vector<std::string> secret_params = {};
};

struct RouteInfo {
  Method method;
  std::string pattern;
  RouteOptions options;
  std::string owner;  ///< who added it: a module's name
};

/// Routes by method and path. Patterns: "/items/{id}" (one segment), "/files/{path*}" (the rest, slashes
/// included, may be empty). Literal segments win over parameters, parameters over rests, whatever the order
/// of adding. A path known for other methods is 405 with Allow; HEAD is answered by GET; unknown is 404.
/// OPTIONS of a path that does not handle it is answered 204 with Allow, that of the server ("*") with all
/// methods. Filled before serving, then immutable and thread-safe.
class Router {
 public:
  Router();
  ~Router();

  /// Error(configuration) if the pattern is malformed or this method and shape is taken (by whom is told).
  void add(Method method, std::string_view pattern, Handler handler, RouteOptions options = {},
           std::string owner = {});

  /// Middleware runs in ascending order, equal ones as they were added, around routing itself: it also sees
  /// requests that match nothing.
  void use(Middleware middleware, int order = 0, std::string name = {});

  /// Names of the middleware, outermost first.
  std::vector<std::string_view> middleware() const;

  const std::vector<RouteInfo>& routes() const noexcept;

  /// A request's path as it may be logged: without secret parameters of its route.
  std::string loggable_path(const Request& request) const;

  /// Options of the route that a request will take, or null: lets the server apply limits before the body.
  const RouteOptions* find_options(Method method, std::string_view path) const;

  /// Runs middleware and handler. Errors become answers: Error by its kind, anything else 500, logged with
  /// the request's id. Never throws but fiber::Cancelled.
  Response dispatch(Request& request) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The answer for the exception that is being handled, logged with the request's id; for middleware that must
/// treat failures as answers. Only in a catch block. Rethrows fiber::Cancelled.
Response answer_current_exception(const Request& request);

}  // namespace mpf::http
