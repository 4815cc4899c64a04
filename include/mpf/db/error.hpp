#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/error.hpp>

/// What databases throw. Two sorts: SqlError is a mistake of the program, which will fail again; the others
/// come from the world (somebody was faster, a lock, the network) or from the data.
namespace mpf::db {

/// A constraint of the database that a write broke; kind() is conflict (unique, foreign key, exclusion) or
/// invalid.
class ConstraintError : public Error {
 public:
  enum class Type { unique, foreign_key, not_null, check, exclusion };
  /// `columns` are "table.column" where the database tells them; `constraint` its name, or empty.
  ConstraintError(Type type, const std::string& message, std::string constraint,
                  std::vector<std::string> columns, std::string table = {});

  Type type() const noexcept { return type_; }
  const std::string& constraint() const noexcept { return constraint_; }
  const std::string& table() const noexcept { return table_; }  ///< or empty
  const std::vector<std::string>& columns() const noexcept { return columns_; }

 private:
  Type type_;
  std::string constraint_;
  std::vector<std::string> columns_;
  std::string table_;
};

/// The transaction met another one that it cannot be put in an order with, or waits for it in a circle; done
/// again it will mostly succeed (TransactionOptions::retries does that). Kind: conflict.
class SerializationError : public Error {
 public:
  explicit SerializationError(const std::string& message) : Error(ErrorKind::conflict, message) {}
};

/// A lock was held by others for too long (lock_timeout, busy_timeout, NOWAIT). Kind: unavailable.
class LockTimeout : public Error {
 public:
  explicit LockTimeout(const std::string& message) : Error(ErrorKind::unavailable, message) {}
};

/// The statement ran for longer than the database allows. Kind: timeout.
class StatementTimeout : public Error {
 public:
  explicit StatementTimeout(const std::string& message) : Error(ErrorKind::timeout, message) {}
};

/// No connection, or it broke. What a write that was under way has done is not known; a commit's message says
/// so. Also a server that takes no writes any more, as it is no primary now: then nothing has been done, and
/// its connections are replaced. Kind: unavailable.
class ConnectionLost : public Error {
 public:
  explicit ConnectionLost(const std::string& message) : Error(ErrorKind::unavailable, message) {}
};

/// A mistake of the program: the SQL, its types, a missing right or table. Kind: internal.
class SqlError : public Error {
 public:
  SqlError(std::string sqlstate, const std::string& message)
      : Error(ErrorKind::internal, message), sqlstate_(std::move(sqlstate)) {}

  /// Five characters, as "42P01".
  const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
  std::string sqlstate_;
};

}  // namespace mpf::db
