#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mpf/migrate/migrator.hpp>

#include "migrate/operation.hpp"

namespace mpf::migrate {

struct LocatedOperation {
  Operation operation;
  int line = 0;             ///< in the file, from 1
  std::string reason = {};  ///< why it is done although it is unsafe; or empty
  std::string source = {};  ///< where that is not the migration's
};

/// A migration file.
struct Migration {
  MigrationId id;
  std::vector<MigrationId> depends;
  std::vector<int> depends_lines;     ///< where each is said
  std::vector<MigrationId> replaces;  ///< those that were squashed into it
  bool border = false;                ///< waits until no older release runs any more
  std::vector<LocatedOperation> operations;
  std::string source;    ///< for messages: path of the file, or module and file name
  std::string text;      ///< of the file, with "\n" at the ends of lines
  std::string checksum;  ///< SHA-256 of that
};

/// "…/0002_summary.yaml:7"
std::string place_of(const Migration& migration, const LocatedOperation& operation);

/// Throws Error(configuration) "source:line: what; remedy".
[[noreturn]] void fail_at(std::string_view source, int line, const std::string& message);

/// Reads a file's text. Strict: whatever is not understood is an error.
Migration parse_migration(std::string_view text, const std::string& source);

/// Text that parse_migration() understands: stable, one line a column.
struct MigrationText {
  MigrationId id;
  std::vector<MigrationId> depends;
  std::vector<LocatedOperation> operations;
  std::vector<MigrationId> replaces = {};
  bool border = false;
};
std::string write_migration(const MigrationText& migration);

/// Stable names of enumerations in files.
std::string_view type_to_text(orm::ColumnType type) noexcept;

/// True for "0001_initial".
bool is_migration_name(std::string_view name) noexcept;

}  // namespace mpf::migrate
