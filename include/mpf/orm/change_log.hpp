#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/orm/scope.hpp>

/// Who changed what: models with the entry orm::change_log() have every insert, update and delete through the
/// ORM written down in the table of orm::Change, in the same transaction. Register that model beside them.
/// Deletes that the database does by itself (on_delete) are not in it.
///
/// Where such a model has the entry orm::row_security(), an application puts the log behind the wall as well:
/// a tenant sees and adds what is about its own rows (change_log_security() in row_security.hpp).
namespace mpf::orm {

/// One change. An update is one of these for each field that it changed, with the values as JSON; an insert
/// or a delete is a single one, `field` empty, with the whole row as a JSON object.
struct Change {
  Id id;
  Timestamp at;
  std::string actor;   ///< of Actor; empty when nobody was named
  std::string action;  ///< insert, update, delete
  std::string table;
  std::int64_t row = 0;
  std::string field;  ///< column
  std::optional<std::string> before;
  std::optional<std::string> after;
  std::optional<std::int64_t> site;  ///< the tenant of the row
  std::optional<std::int64_t> provider;

  static constexpr auto model() {
    return orm::model<Change>(
        "orm_change", orm::field<&Change::at>(), orm::field<&Change::actor>(), orm::field<&Change::action>(),
        orm::field<&Change::table>(), orm::field<&Change::row>(), orm::field<&Change::field>(),
        orm::field<&Change::before>(), orm::field<&Change::after>(), orm::field<&Change::site>(),
        orm::field<&Change::provider>(), index<&Change::table, &Change::row>());
  }
};

/// Names who acts, for the changes that this fiber, and those it spawns as heirs, makes until it goes.
class Actor {
 public:
  explicit Actor(std::string name);
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  /// Of the innermost one; empty without any.
  static std::string current();

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

namespace detail {
std::vector<Change> read_changes(const ScopeData& scope, const ModelInfo& model, Id row);
}  // namespace detail

/// The changes of one row, the oldest first: those that were made while the row belonged to the scope's
/// tenant. Of rows that are gone, too.
template <class T, detail::ScopeKind kind>
std::vector<Change> changes_of(const detail::BasicScope<kind>& scope, Id row) {
  return detail::read_changes(scope.data(), detail::model_info<T>(), row);
}

}  // namespace mpf::orm
