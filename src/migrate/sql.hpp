#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mpf/db/database.hpp>

#include "migrate/operation.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// Rows of a table that are changed in portions, in the order of their ids.
struct Batches {
  std::string table;
  std::string id;  ///< the primary key; empty: the table has none, and all rows are changed at once
  std::string set;
  std::string where;  ///< may be empty
  std::size_t rows = 5000;
  std::chrono::milliseconds pause{0};
  std::optional<std::int64_t> until = {};  ///< only rows with ids up to this one
};

/// What running a migration comes to, in order.
struct Step {
  enum class Kind : std::uint8_t {
    sql,             ///< statements, each ended by ";"
    guard,           ///< a query that counts the rows in the way; `message` follows the number
    keep_extras,     ///< remember triggers and indexes by hand of table `text`, which is about to be rebuilt
    restore_extras,  ///< make them again
    rename_rebuilt,  ///< rename the table just rebuilt, without touching what refers to it
    build_index,     ///< a statement outside of transactions that makes the index `subject`
    drop_index,      ///< one that drops it
    backfill,        ///< rows changed batch by batch
    call,            ///< a function of the module, named `text`
  };
  Kind kind = Kind::sql;
  std::size_t operation = 0;  ///< which of the operations it belongs to
  std::string text;
  std::string message = {};
  std::vector<std::string> indexes = {};  ///< keep_extras: those that are not by hand
  /// Steps of one phase run in one transaction, or outside of any; when a phase is done, that is recorded.
  std::size_t phase = 0;
  std::string subject = {};
  std::optional<Batches> batches = {};
};

struct Script {
  std::vector<Step> steps;
  bool rebuilds = false;           ///< tables are made anew (SQLite): foreign keys must be off meanwhile
  std::vector<std::string> check;  ///< tables whose references are to be checked then
  bool by_hand = false;            ///< has SQL that nobody understands
};

/// What rows get that have no value and no default.
enum class Fill : std::uint8_t {
  refuse,  ///< nothing: such rows are an error
  zero     ///< "", 0, false: undoing a drop
};

/// An operation that cannot be rendered: it does not fit the state, or the dialect cannot do it.
class RenderError : public StateError {
 public:
  RenderError(std::size_t operation, const std::string& message)
      : StateError(message), operation_(operation) {}
  std::size_t operation() const noexcept { return operation_; }

 private:
  std::size_t operation_;
};

/// Renders the operations, the first applied to `state`, which is changed along. Throws RenderError.
Script render(std::span<const Operation> operations, State& state, const std::string& module,
              db::Dialect dialect, Fill fill);

/// The script as people read it: guards as comments.
std::string to_text(const Script& script);

/// Whether columns of one type can become the other, all values kept or refused, and back again.
bool convertible(orm::ColumnType from, orm::ColumnType to) noexcept;
bool convertible(const orm::Column& from, const orm::Column& to) noexcept;

/// Whether every value of the one column has its own place in the other: none is refused, none is rounded.
bool keeps_all(const orm::Column& from, const orm::Column& to) noexcept;

/// Whether the database refuses each value that has no place of its own in the other column, rather than to
/// round it.
bool keeps_or_refuses(const orm::Column& from, const orm::Column& to) noexcept;

/// Whether text that the one column may hold is too long for the other of the same name, or none of its
/// choices.
bool narrows(const orm::Column& from, const orm::Column& to);

/// What an index is called while another one still has its name.
std::string next_name(const std::string& index);

/// Whether the order of the column's text is that of the index, and no expression is made of it.
bool sorts_by(const orm::Index& index, const std::string& column);

/// SQL for a value `name` of one type as another, and a condition true for values that cannot be kept.
struct Conversion {
  std::string value;
  std::string unfit;  ///< may be empty
};
Conversion conversion(const std::string& name, const orm::Column& from, const orm::Column& to,
                      db::Dialect dialect);

/// A literal of that type for Fill::zero; empty when there is none (references).
std::string zero_literal(const orm::Column& column, db::Dialect dialect);

}  // namespace mpf::migrate
