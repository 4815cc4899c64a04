#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "migrate/operation.hpp"

/// What the tables are after some migrations, known without a database.
namespace mpf::migrate {

/// An operation does not fit the state it is applied to. The message says why, for people.
class StateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Two columns of a table that hold the same, whichever is written: from expand_column until
/// contract_column. The later one has no default, so that a row says by it which of them was written.
struct Twins {
  std::string from;  ///< known to the release before
  std::string to;
  auto operator<=>(const Twins&) const = default;
};

class State {
 public:
  struct Entry {
    std::string module;             ///< whose table it is
    orm::Table table;               ///< without renamed_from; indexes sorted by name
    std::vector<Twins> twins = {};  ///< sorted
    /// Columns a null of which becomes the default, for the release before may write it.
    std::set<std::string> filled = {};
  };

  const std::map<std::string, Entry>& tables() const noexcept { return tables_; }
  const orm::Table* find(const std::string& table) const;

  /// StateError where there is none.
  const Entry& entry(const std::string& table) const;
  const orm::Table& table(const std::string& table) const { return entry(table).table; }

  /// Tables other than itself with a column that refers to `table`, sorted.
  std::vector<std::string> referrers(const std::string& table) const;

  /// Throws StateError, and leaves the state as it was, where the operation does not fit.
  void apply(const Operation& operation, const std::string& module);

 private:
  orm::Table& change(const std::string& table);
  void check_free(const std::string& table, const std::string& besides = {}) const;
  void check_index_free(const std::string& index, const std::string& besides = {}) const;
  void check_references(const orm::Table& table, const orm::Column& column) const;
  void check_not_needed(const std::string& table, const orm::Index& index) const;
  void check_security(const orm::Table& table, const std::optional<orm::RowSecurity>& security) const;
  void check_unsecured(const std::string& table, const std::string& column) const;
  void create(const CreateTable& op, const std::string& module);
  void drop(const DropTable& op);
  void rename(const RenameTable& op);
  void secure(const AlterRowSecurity& op);
  void add(const AddColumn& op);
  void drop(const DropColumn& op);
  void alter(const AlterColumn& op);
  void rename(const RenameColumn& op);
  void expand(const ExpandColumn& op);
  void contract(const ContractColumn& op);
  void check_no_twin(const std::string& table, const std::string& column = {}) const;
  void check_not_filled(const std::string& table, const std::string& column = {}) const;
  void create(const CreateIndex& op);
  void drop(const DropIndex& op);
  void rename(const RenameIndex& op);
  void add(const AddCheck& op);
  void drop(const DropCheck& op);

  std::map<std::string, Entry> tables_;
};

/// Whether the tables are the same, apart from the order of their columns.
bool equivalent(const State::Entry& a, const State::Entry& b);
bool equivalent(const State& a, const State& b);

const orm::Column* find_column(const orm::Table& table, const std::string& name);
const orm::Index* find_index(const orm::Table& table, const std::string& name);

/// Of that name, or of one that SQLite, which ignores case, takes for the same; null where there is none.
const orm::Column* find_similar_column(const orm::Table& table, const std::string& name);
const orm::Index* find_similar_index(const orm::Table& table, const std::string& name);

/// The column of that name; StateError where there is none.
std::vector<orm::Column>::iterator column_at(orm::Table& table, const std::string& name);

/// The unique index that a reference within one tenant needs of its target.
const orm::Index* tenant_key(const orm::Table& target, const orm::Reference& reference);

const orm::Check* find_check(const orm::Table& table, const std::string& name);

/// Whether the security of the rows of `owner` reads that column.
bool uses(const orm::Table& owner, const orm::RowSecurity& security, const std::string& table,
          const std::string& column);

/// Whether the SQL has the column's name in double quotes.
bool mentions(const orm::SqlText& sql, const std::string& column);

bool uses(const orm::Index& index, const std::string& column);

/// The table as a state keeps it.
orm::Table normalized(orm::Table table);

/// What undoes the operation, applied to the state before it; nothing when it cannot be undone.
std::optional<Operation> reverse_of(const Operation& operation, const State& before);

}  // namespace mpf::migrate
