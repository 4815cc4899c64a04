#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Errors end a request, a task or a command. Each has a kind, which decides the HTTP status and the exit
/// code, an internal message for the log and, apart from it, a message that users may see.
///
/// What merely may be absent is a std::optional; mistakes of the programmer are assertions.
namespace mpf {

enum class ErrorKind {
  not_found,        ///< 404
  denied,           ///< 403: who asks is known, and may not
  unauthenticated,  ///< 401: who asks is not known
  invalid,          ///< 400, or 422 with field errors: the input is at fault
  conflict,         ///< 409: unique value taken, row changed meanwhile
  too_large,        ///< 413
  rate_limited,     ///< 429
  unsupported,      ///< 501, a format or feature that this build lacks
  unavailable,      ///< 503: a database, disk or service that is down or full; trying later may help
  timeout,          ///< 504: a deadline passed
  configuration,    ///< 500, the operator's settings are wrong
  corrupt,          ///< 500, stored data is damaged
  internal,         ///< 500
};

/// "not_found", "denied", …
std::string_view to_string(ErrorKind kind) noexcept;

/// Status code of an HTTP answer for this kind.
int http_status(ErrorKind kind) noexcept;

/// Exit code of a command that ended by this kind; the codes of sysexits.h.
int exit_code(ErrorKind kind) noexcept;

/// What is wrong with one value of the input. `path` is like "items[3].title", empty for the whole input;
/// `code` is stable and for programs ("required", "type", "max_length"); `message` is for people.
struct FieldError {
  std::string path;
  std::string code;
  std::string message;

  bool operator==(const FieldError&) const = default;
};

class Error : public std::runtime_error {
 public:
  /// `message` goes to the log. `public_message` may be shown to anybody; empty means the kind's own
  /// sentence ("Not found").
  explicit Error(ErrorKind kind, const std::string& message, std::string public_message = {});

  ErrorKind kind() const noexcept { return kind_; }

  /// Never empty.
  std::string_view public_message() const noexcept;

 private:
  ErrorKind kind_;
  std::string public_message_;
};

/// Input that does not fit, with everything that is wrong about it. what() lists all of it.
class ValidationError : public Error {
 public:
  explicit ValidationError(std::vector<FieldError> fields);
  ValidationError(std::string path, std::string code, std::string message);

  const std::vector<FieldError>& fields() const noexcept { return fields_; }

 private:
  std::vector<FieldError> fields_;
};

/// An Error whose internal and public messages are the same.
[[noreturn]] void fail(ErrorKind kind, const std::string& message);

/// Throws the Error that fits an errno of the operating system: "<what>: No space left on device" is
/// unavailable, a missing file not_found, missing rights denied.
[[noreturn]] void fail_errno(int error_number, const std::string& what);

}  // namespace mpf
