#include "orm/secured_database.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "orm/sql.hpp"

namespace mpf::orm::detail {

namespace {

std::string_view scope_name(ScopeKind kind) {
  switch (kind) {
    case ScopeKind::site:
      return "site";
    case ScopeKind::provider:
      return "provider";
    case ScopeKind::system:
      return "system";
  }
  return "";
}

/// Keeps the values of a row.
class RowCollector final : public db::RowWriter {
 public:
  std::vector<db::Param> values;

  void null() override { values.emplace_back(nullptr); }
  void boolean(bool value) override { values.emplace_back(value); }
  void integer(std::int64_t value) override { values.emplace_back(value); }
  void real(double value) override { values.emplace_back(value); }
  void text(std::string_view value) override { values.emplace_back(std::string(value)); }
  void bytes(std::span<const std::byte> value) override {
    values.emplace_back(db::Bytes(value.begin(), value.end()));
  }
  void timestamp(Timestamp value) override { values.emplace_back(value); }
  void numeric(db::Numeric value) override { values.emplace_back(value); }
  void date(Date value) override { values.emplace_back(value); }
  void duration(Microseconds value) override { values.emplace_back(value); }
  void uuid(const Uuid& value) override { values.emplace_back(value); }
  void json(std::string_view value) override { values.emplace_back(db::JsonText{std::string(value)}); }
  void network(const IpNetwork& value) override { values.emplace_back(value); }
  void array(const db::Array& value) override { values.emplace_back(value); }
  void range(const db::RangeValue& value) override { values.emplace_back(value); }
};

/// What only reads and may lag is served by a replica here as well. The settings that go with it are no write
/// to the server.
db::TransactionOptions options_for(std::span<const db::Statement> statements) {
  const bool may_lag = std::ranges::all_of(
      statements, [](const db::Statement& each) { return each.replica && each.access == db::Access::read; });
  if (!may_lag) return {};
  return {.read_only = true, .isolation = db::Isolation::read_committed, .replica = true};
}

}  // namespace

ScopedView::ScopedView(db::Database& inner, const std::string& role, const ScopeData& scope)
    : ForwardingDatabase(inner) {
  Sql sql(db::Dialect::postgres);
  const auto set = [&](std::string_view name, std::string value) {
    sql << "set_config('" << name << "', ";
    sql.bind(std::move(value)) << ", true)";
  };
  sql << "SELECT ";
  set("role", role);
  sql << ", ";
  set("mpf.scope", std::string(scope_name(scope.kind)));
  sql << ", ";
  set("mpf.site", scope.site ? scope.site.to_string() : std::string());
  sql << ", ";
  set("mpf.provider", scope.provider ? scope.provider.to_string() : std::string());
  settings_ = std::move(sql).take(db::Access::read);
  settings_.counted = false;
}

void ScopedView::enter() { inner_.execute(settings_, {}); }

std::uint64_t ScopedView::execute(const db::Statement& statement, const db::RowSink& on_row) {
  // A query and its settings go out together, unless its rows are too many to be had at once.
  const auto run = [&] {
    if (statement.stream) {
      inner_.execute(settings_, {});
      return inner_.execute(statement, on_row);
    }
    const std::array both{settings_, statement};
    return inner_.execute_batch(both, [&](std::size_t index, const db::Row& row) {
      if (index == 1 && on_row) on_row(row);
    });
  };
  if (inner_.current()) return run();
  return inner_.transaction([&](db::Transaction&) { return run(); }, options_for({&statement, 1}));
}

std::uint64_t ScopedView::execute_batch(std::span<const db::Statement> statements, const BatchSink& on_row) {
  std::vector<db::Statement> all{settings_};
  all.insert(all.end(), statements.begin(), statements.end());
  const BatchSink sink = [&](std::size_t statement, const db::Row& row) {
    if (statement > 0 && on_row) on_row(statement - 1, row);
  };
  if (inner_.current()) return inner_.execute_batch(all, sink);
  return inner_.transaction([&](db::Transaction&) { return inner_.execute_batch(all, sink); },
                            options_for(statements));
}

std::uint64_t ScopedView::bulk_insert(const db::BulkInsert& insert) {
  constexpr std::size_t most_parameters = 30'000;
  const std::size_t columns = std::max<std::size_t>(insert.columns.size(), 1);
  const std::size_t portion = std::max<std::size_t>(most_parameters / columns, 1);
  inner_.transaction([&](db::Transaction&) {
    enter();
    for (std::size_t first = 0; first < insert.rows; first += portion) {
      Sql sql(db::Dialect::postgres);
      sql << "INSERT INTO ";
      sql.name(insert.table) << " (";
      for (const db::BulkColumn& column : insert.columns) {
        if (&column != insert.columns.data()) sql << ", ";
        sql.name(column.name);
      }
      sql << ") VALUES ";
      for (std::size_t row = first; row < std::min(insert.rows, first + portion); ++row) {
        RowCollector collector;
        insert.write(row, collector);
        sql << (row == first ? "(" : ", (");
        for (db::Param& value : collector.values) {
          if (&value != collector.values.data()) sql << ", ";
          sql.bind(std::move(value));
        }
        sql << ")";
      }
      db::Statement statement = std::move(sql).take(db::Access::write);
      statement.origin = insert.origin;
      statement.counted = first == 0;
      inner_.execute(statement, {});
    }
  });
  return insert.rows;
}

std::uint64_t SecuredDatabase::execute_batch(std::span<const db::Statement> statements,
                                             const BatchSink& on_row) {
  leave();
  return inner_.execute_batch(statements, on_row);
}

void SecuredDatabase::leave() {
  if (!inner_.current()) return;
  db::Statement statement{"SELECT set_config('role', 'none', true), set_config('mpf.scope', '', true)", {}};
  statement.counted = false;
  inner_.execute(statement, {});
}

std::uint64_t SecuredDatabase::execute(const db::Statement& statement, const db::RowSink& on_row) {
  leave();
  return inner_.execute(statement, on_row);
}

std::uint64_t SecuredDatabase::bulk_insert(const db::BulkInsert& insert) {
  leave();
  return inner_.bulk_insert(insert);
}

void SecuredDatabase::execute_script(std::string_view sql) {
  leave();
  inner_.execute_script(sql);
}

}  // namespace mpf::orm::detail
