#include <mpf/db/database.hpp>

namespace mpf::db {

namespace {
ErrorKind kind_of(ConstraintError::Type type) {
  const bool conflict = type == ConstraintError::Type::unique || type == ConstraintError::Type::foreign_key;
  return conflict ? ErrorKind::conflict : ErrorKind::invalid;
}
}  // namespace

ConstraintError::ConstraintError(Type type, const std::string& message, std::string constraint,
                                 std::vector<std::string> columns)
    : Error(kind_of(type), message),
      type_(type),
      constraint_(std::move(constraint)),
      columns_(std::move(columns)) {}

void Database::on_commit(std::function<void()> hook) {
  if (Transaction* const transaction = current()) {
    transaction->on_commit(std::move(hook));
  } else {
    hook();
  }
}

}  // namespace mpf::db
