#include <mpf/base/error.hpp>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace mpf {
namespace {

struct KindInfo {
  std::string_view name;
  int status;
  int exit;
  std::string_view sentence;
};

// In the order of ErrorKind; the exit codes are those of sysexits.h.
constexpr std::array<KindInfo, 13> kinds{{
    {"not_found", 404, 66, "Not found"},
    {"denied", 403, 77, "Not allowed"},
    {"unauthenticated", 401, 77, "Sign in first"},
    {"invalid", 400, 65, "The input is not valid"},
    {"conflict", 409, 65, "Conflicts with what is stored"},
    {"too_large", 413, 65, "Too large"},
    {"rate_limited", 429, 75, "Too many attempts, try again later"},
    {"unsupported", 501, 69, "Not supported"},
    {"unavailable", 503, 69, "Temporarily unavailable, try again later"},
    {"timeout", 504, 75, "Took too long, try again later"},
    {"configuration", 500, 78, "Internal error"},
    {"corrupt", 500, 65, "Internal error"},
    {"internal", 500, 70, "Internal error"},
}};
static_assert(kinds.size() == static_cast<std::size_t>(ErrorKind::internal) + 1);

const KindInfo& info(ErrorKind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }

std::string list(const std::vector<FieldError>& fields) {
  std::string text;
  for (const FieldError& field : fields) {
    if (!text.empty()) text += "; ";
    if (!field.path.empty()) text.append(field.path).append(": ");
    text += field.message;
  }
  return text.empty() ? "invalid input" : text;
}

ErrorKind kind_of(int error_number) noexcept {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::denied;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::conflict;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
      return ErrorKind::invalid;
    case EFBIG:
      return ErrorKind::too_large;
    case ETIMEDOUT:
      return ErrorKind::timeout;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::unsupported;
    default:  // full or broken disks, no descriptors or memory, networks
      return ErrorKind::unavailable;
  }
}

}  // namespace

std::string_view to_string(ErrorKind kind) noexcept { return info(kind).name; }
int http_status(ErrorKind kind) noexcept { return info(kind).status; }
int exit_code(ErrorKind kind) noexcept { return info(kind).exit; }

Error::Error(ErrorKind kind, const std::string& message, std::string public_message)
    : std::runtime_error(message), kind_(kind), public_message_(std::move(public_message)) {}

std::string_view Error::public_message() const noexcept {
  return public_message_.empty() ? info(kind_).sentence : public_message_;
}

ValidationError::ValidationError(std::vector<FieldError> fields)
    : Error(ErrorKind::invalid, list(fields)), fields_(std::move(fields)) {}

ValidationError::ValidationError(std::string path, std::string code, std::string message)
    : ValidationError(std::vector{FieldError{std::move(path), std::move(code), std::move(message)}}) {}

void fail(ErrorKind kind, const std::string& message) { throw Error(kind, message, message); }

void fail_errno(int error_number, const std::string& what) {
  throw Error(kind_of(error_number), what + ": " + std::generic_category().message(error_number));
}

}  // namespace mpf
