#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/base/id.hpp>
#include <mpf/base/json.hpp>

namespace mpf::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };

std::string_view to_string(Method method) noexcept;
std::optional<Method> parse_method(std::string_view text) noexcept;

/// Header fields in order; names compare without regard to case. Values never contain CR, LF or NUL: set()
/// and add() throw Error(internal) for such a value, so that nobody can split an answer.
class Headers {
 public:
  std::optional<std::string_view> find(std::string_view name) const noexcept;  ///< the first of that name
  void set(std::string_view name, std::string_view value);                     ///< replaces all of that name
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear() noexcept { fields_.clear(); }
  /// For parsers: takes a field as it is.
  void add_parsed(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }
  std::size_t size() const noexcept { return fields_.size(); }
  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// A request as a handler sees it. Belongs to its handler's fiber; views into it live as long as it does.
class Request {
 public:
  Request();
  ~Request();
  Request(Request&&) noexcept;
  Request& operator=(Request&&) noexcept;

  Method method = Method::get;
  std::string target;  ///< as received: "/a%20b?x=1"
  /// Decoded: "/a b". Starts with '/', but for "OPTIONS *", and is valid UTF-8 without control characters.
  /// What could be read in two ways is refused (400): "." and ".." segments, %2F, backslashes.
  std::string path;
  std::string body;
  Headers headers;
  std::string remote_address;  ///< of the peer, or told by a trusted proxy
  bool secure = false;         ///< came by TLS, or a trusted proxy says so
  std::string id;              ///< unique; in the log, and in the answer as X-Request-Id

  /// Header by name, empty when there is none.
  std::string_view header(std::string_view name) const noexcept;
  /// Host header without port, lower case; empty when there is none or it is malformed.
  std::string host() const;
  /// First query parameter of that name, decoded. ValidationError if its value is malformed.
  std::optional<std::string> query(std::string_view name) const;
  std::optional<std::string> cookie(std::string_view name) const;

  /// Part of the path that the route names: "/items/{id}". A mistake of the programmer if there is none.
  const std::string& param(std::string_view name) const;
  /// The same as an id; Error(not_found) if it is none.
  Id id_param(std::string_view name) const;
  void set_params(std::vector<std::pair<std::string, std::string>> params) { params_ = std::move(params); }
  const std::vector<std::pair<std::string, std::string>>& params() const noexcept { return params_; }

  /// The matched route's pattern ("/items/{id}"); empty before routing and when none matched.
  std::string_view route() const noexcept { return route_; }
  void set_route(std::string_view pattern) { route_ = pattern; }

  /// The body as JSON into a described struct. Error(invalid) for another Content-Type or malformed JSON,
  /// ValidationError with paths for wrong types.
  template <class T>
  T json() const {
    require_json();
    return from_json<T>(body);
  }

  /// Fields of an application/x-www-form-urlencoded body. Error(invalid) for anything else.
  std::vector<std::pair<std::string, std::string>> form() const;

  /// As if new, keeping memory for the next request.
  void reset() noexcept;

  /// Values that middleware leaves for those after it, one of each type.
  template <class T>
  void attach(std::shared_ptr<T> value) {
    attach_erased(typeid(T), std::move(value));
  }
  template <class T>
  T* attached() const noexcept {
    return static_cast<T*>(attached_erased(typeid(T)));
  }

 private:
  void require_json() const;
  void attach_erased(std::type_index type, std::shared_ptr<void> value);
  void* attached_erased(std::type_index type) const noexcept;

  std::vector<std::pair<std::string, std::string>> params_;
  std::string route_;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> attachments_;
};

struct Cookie {
  std::string name;
  std::string value;
  std::string path = "/";
  std::optional<std::chrono::seconds> max_age;  ///< nothing: until the browser closes; 0 deletes
  bool http_only = true;
  bool secure = true;
  enum class SameSite { strict, lax, none };
  SameSite same_site = SameSite::lax;
};

/// A file as body: sent from disk piece by piece, with conditional and range requests answered.
struct FileBody {
  std::filesystem::path path;
  std::string etag;  ///< quoted; empty: made of size and modification time
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::optional<FileBody> file;  ///< instead of body
  /// Sent behind body, without a copy: text that lives elsewhere (a cache, the program); kept alive until
  /// then.
  std::shared_ptr<const std::string> shared_body;
  std::string body_end;  ///< sent behind shared_body

  static Response text(std::string body, int status = 200);
  static Response html(std::string body, int status = 200);
  static Response json_text(std::string json, int status = 200);
  static Response redirect(std::string_view location, int status = 303);
  static Response no_content();
  static Response send_file(std::filesystem::path path, std::string_view content_type);

  /// application/problem+json (RFC 9457) for an error: type, title, status, detail (the public message),
  /// request_id, and errors[] of a ValidationError. Never the internal message.
  static Response problem(const Error& error, std::string_view request_id);

  template <class T>
  static Response json(const T& value, int status = 200) {
    return json_text(to_json(value), status);
  }

  Response& header(std::string_view name, std::string_view value) {
    headers.set(name, value);
    return *this;
  }
  Response& cookie(const Cookie& cookie);
};

/// Content type for a file name's ending, with charset for text; "application/octet-stream" when unknown.
std::string_view content_type_for(std::string_view file_name) noexcept;

}  // namespace mpf::http
