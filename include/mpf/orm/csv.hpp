#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>

#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Tables as CSV: whole exports and imports, at constant memory, off the loops, each a transaction of its
/// own. Whoever calls them sees and writes the rows of all tenants.
///
/// UTF-8, fields separated by commas and quoted where need be (RFC 4180). The first line names the columns.
/// An empty field is null, `""` an empty text. The same rows give the same bytes on both databases:
///
/// | column              | text                                                                          |
/// | ------------------- | ----------------------------------------------------------------------------- |
/// | boolean             | true, false                                                                   |
/// | integers, ids       | -12                                                                           |
/// | floating point      | the shortest that reads back as the same number; inf, -inf, nan               |
/// | decimal             | 12.50, with all its digits behind the point                                   |
/// | text, enumerations  | as they are                                                                   |
/// | bytes               | \x0aff                                                                        |
/// | timestamp, date     | 2026-11-21T09:00:00.250000Z, 2026-11-21                                       |
/// | duration            | PT90.5S: seconds and their fraction                                           |
/// | UUID, network       | 0190163d-8694-739b-aea5-966c26f8ad91, 10.0.0.0/8                              |
/// | JSON                | compact, members by name, numbers without exponents                           |
/// | array               | a JSON array                                                                  |
/// | range               | [1,6), [2026-11-21,), empty                                                   |
namespace mpf::orm {

struct CsvOptions {
  /// Told now and then, and at the end, how many rows are done; of imports also how many bytes of the file.
  /// On any thread, never on two at once; it must not suspend.
  std::function<void(std::uint64_t rows, std::uint64_t bytes)> progress = {};
};

/// All rows as of one moment, by primary key; their number. Generated columns are left out. Throws what
/// Database::copy_out() throws, and Error(unavailable) when the stream takes no more.
std::uint64_t export_csv(db::Database& database, const Table& table, std::ostream& out,
                         const CsvOptions& options = {});
/// Into a file that is there when it is whole, and not before: written beside it as "<file>.part".
std::uint64_t export_csv(db::Database& database, const Table& table, const std::filesystem::path& file,
                         const CsvOptions& options = {});

/// All rows or none; their number. Columns that the first line leaves out are null or get the database's
/// default. Later ids begin behind those that were given. What is in caches stays there: no model is asked,
/// no hook runs.
///
/// Error(invalid) for what is no such CSV or no value of its column, Error(conflict) for a key that is taken
/// or a reference to nothing: "<name>:<line>: <column>: what is wrong". To tell the line of what the database
/// refuses, the stream is read again; one that cannot go back has the error without it. So has a
/// table behind row security, of whose rows PostgreSQL tells nothing in errors.
std::uint64_t import_csv(db::Database& database, const Table& table, std::istream& in,
                         const std::string& name, const CsvOptions& options = {});

}  // namespace mpf::orm
