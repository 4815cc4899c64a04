#include <mpf/db/database.hpp>

#include <algorithm>

#include <mpf/db/copy.hpp>

namespace mpf::db {

namespace {
ErrorKind kind_of(ConstraintError::Type type) {
  using Type = ConstraintError::Type;
  const bool conflict = type == Type::unique || type == Type::foreign_key || type == Type::exclusion;
  return conflict ? ErrorKind::conflict : ErrorKind::invalid;
}
}  // namespace

ConstraintError::ConstraintError(Type type, const std::string& message, std::string constraint,
                                 std::vector<std::string> columns, std::string table)
    : Error(kind_of(type), message),
      type_(type),
      constraint_(std::move(constraint)),
      columns_(std::move(columns)),
      table_(std::move(table)) {}

std::uint64_t Database::execute_batch(std::span<const Statement> statements, const BatchSink& on_row) {
  std::uint64_t changed = 0;
  const auto run_all = [&] {
    for (std::size_t i = 0; i < statements.size(); ++i) {
      if (on_row) {
        changed += execute(statements[i], [&](const Row& row) { on_row(i, row); });
      } else {
        changed += execute(statements[i]);
      }
    }
  };
  const auto writes = [](const Statement& each) { return each.access == Access::write; };
  if (!current() && statements.size() > 1 && std::ranges::any_of(statements, writes)) {
    transaction([&](Transaction&) { run_all(); });
  } else {
    run_all();
  }
  return changed;
}

std::uint64_t Database::copy_out(const CopyOut& copy) {
  throw Error(ErrorKind::unsupported, "this database cannot copy table " + copy.table + " out");
}

std::uint64_t Database::copy_in(const CopyIn& copy) {
  throw Error(ErrorKind::unsupported, "this database cannot copy rows into table " + copy.table);
}

void Database::backup(const std::filesystem::path&) {
  throw Error(ErrorKind::unsupported, "this database is backed up by its own tools (pg_dump)");
}

void Database::on_commit(std::function<void()> hook) {
  if (Transaction* const transaction = current()) {
    transaction->on_commit(std::move(hook));
  } else {
    hook();
  }
}

}  // namespace mpf::db
