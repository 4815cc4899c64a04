#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <mpf/orm/schema.hpp>

/// The steps that migrations are made of, as values.
namespace mpf::migrate {

struct CreateTable {
  orm::Table table;
};
struct DropTable {
  std::string table;
  /// Of a module that is gone: with the triggers that hold its columns right.
  bool with_triggers = false;
};
struct RenameTable {
  std::string from;
  std::string to;
};
/// The table belongs to another module from now on.
struct MoveTable {
  std::string table;
  std::string from;
  std::string to;
};
/// Changes what scopes the rows.
struct AlterTable {
  std::string table;
  std::string tenant_column;
};
/// Puts the table behind row-level security, changes how, or takes it away.
struct AlterRowSecurity {
  std::string table;
  std::optional<orm::RowSecurity> security;
};
struct AddColumn {
  std::string table;
  orm::Column column;
};
struct DropColumn {
  std::string table;
  std::string column;
};
/// The column becomes what is given here.
struct AlterColumn {
  std::string table;
  orm::Column column;
  /// The release before may still write null, which becomes the default: on PostgreSQL by a trigger, until
  /// the next one that does not say so. SQLite, where one release runs, needs none.
  bool fill_nulls = false;
};
struct RenameColumn {
  std::string table;
  std::string from;
  std::string to;
};
/// Adds a column that holds the same as another, in its own type: both releases of a rename write the one
/// they know. On PostgreSQL a trigger fills the other; SQLite, where one release runs, copies once.
struct ExpandColumn {
  std::string table;
  std::string from;
  orm::Column column;
  bool back = false;  ///< undoes a contraction: `column` is the one that the release before knows
};
/// Ends that: `from` goes, `to` stays.
struct ContractColumn {
  std::string table;
  std::string from;
  std::string to;
};
struct CreateIndex {
  std::string table;
  orm::Index index;
};
struct DropIndex {
  std::string table;
  std::string index;
};
struct RenameIndex {
  std::string table;
  std::string from;
  std::string to;
};
struct AddCheck {
  std::string table;
  orm::Check check;
};
struct DropCheck {
  std::string table;
  std::string check;
};
/// SQL by hand. A dialect without text cannot run it; without reverse text it cannot be undone. Empty text
/// does nothing.
struct RunSql {
  std::optional<std::string> sqlite;
  std::optional<std::string> postgres;
  std::optional<std::string> reverse_sqlite;
  std::optional<std::string> reverse_postgres;
  bool irreversible = false;  ///< said so: nobody forgot the way back
  /// Tables, and columns as "table.column", that it reads or changes; not said: anything.
  std::optional<std::vector<std::string>> touches = {};
};

/// Rows changed in portions, each committed, so that nobody waits for long; goes on where it was interrupted.
struct Backfill {
  std::string table;
  std::vector<std::pair<std::string, orm::SqlText>> set;
  std::optional<orm::SqlText> where;
  std::size_t batch = 5000;
  std::size_t pause_ms = 0;
  /// The way back; empty: nothing is to be done.
  std::vector<std::pair<std::string, orm::SqlText>> reverse;
  bool irreversible = false;
};
/// A function that the module registers.
struct CallFunction {
  std::string function;  ///< empty: nothing (the way back of one without)
  std::string reverse;
  bool irreversible = false;
  std::optional<std::vector<std::string>> touches = {};  ///< as of RunSql
};

/// One of them. A variant, for std::visit(), std::get_if() and the like; what copies, moves and destroys it
/// is compiled once, in operation.cpp.
class Operation : public std::variant<CreateTable, DropTable, RenameTable, MoveTable, AlterTable,
                                      AlterRowSecurity, AddColumn, DropColumn, AlterColumn, RenameColumn,
                                      ExpandColumn, ContractColumn, CreateIndex, DropIndex, RenameIndex,
                                      AddCheck, DropCheck, RunSql, Backfill, CallFunction> {
 public:
  template <class Kind>
    requires(!std::same_as<Kind, Operation> &&
             std::constructible_from<variant, std::in_place_type_t<Kind>, Kind>)
  Operation(Kind kind)
      : variant(std::in_place_type<Kind>, std::move(kind)) {}  // NOLINT(google-explicit-constructor)
  Operation(const Operation& other);
  Operation(Operation&& other) noexcept;
  Operation& operator=(const Operation& other);
  Operation& operator=(Operation&& other) noexcept;
  ~Operation();
};

/// "add column content_item.summary"
std::string describe(const Operation& operation);

/// The table that it changes, by its name before; empty for SQL by hand and functions.
std::string changed_table(const Operation& operation);

/// Whether it throws data away that its reverse cannot bring back.
bool loses_data(const Operation& operation);

/// For visiting variants with one lambda a type.
template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace mpf::migrate
