#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <mpf/db/database.hpp>

/// Triggers and views of an SQLite database, which nobody but who made them knows of.
namespace mpf::migrate {

/// Sees to it that they work after a migration, as they did before. Nobody is to find out by an insert, weeks
/// later, that a trigger does not fit any more. Does nothing on PostgreSQL, which sees to it by itself.
class ExtrasGuard {
 public:
  explicit ExtrasGuard(db::Database& database) : database_(database) {}

  /// Before a change, in its transaction.
  void before();
  /// After it, in the same one. Error(conflict) names what would not work any more.
  void after();

 private:
  std::int64_t version();

  db::Database& database_;
  std::optional<std::int64_t> seen_;           ///< the schema's version that the next is true of
  std::map<std::string, std::string> broken_;  ///< what is wrong with "view names" or "trigger noted"
};

}  // namespace mpf::migrate
