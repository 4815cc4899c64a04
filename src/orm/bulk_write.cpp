#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/values.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

namespace {

/// Looks at the values of rows as they would be written, without copying them.
class ValueChecker final : public db::RowWriter {
 public:
  ValueChecker(const ModelInfo& model, std::vector<FieldError>& errors) : model_(model), errors_(errors) {}

  void check(std::size_t row, const void* object) {
    row_ = row;
    for (column_ = 0; column_ < model_.columns.size(); ++column_) {
      if (!is_inserted(model_, column_)) continue;
      try {
        model_.columns[column_].write(object, *this);
      } catch (const ValidationError& error) {  // of the codec, which does not know the field
        for (const FieldError& field : error.fields()) refuse(field.code, field.message);
      }
    }
  }

  void null() override {}
  void boolean(bool) override {}
  void integer(std::int64_t value) override {
    if (value <= 0 && column().references) refuse("required", "is required");
  }
  void real(double value) override {
    if (std::isnan(value)) refuse("number", "is not a number");
  }
  void text(std::string_view value) override {
    if (auto defect = defect_of(column(), value)) refuse(defect->code, std::move(defect->message));
  }
  void bytes(std::span<const std::byte>) override {}
  void timestamp(Timestamp) override {}
  void numeric(db::Numeric) override {}
  void date(Date) override {}
  void duration(Microseconds) override {}
  void uuid(const Uuid&) override {}
  void json(std::string_view) override {}
  void network(const IpNetwork&) override {}
  void array(const db::Array&) override {}
  void range(const db::RangeValue&) override {}

 private:
  const Column& column() const { return model_.table.columns[column_]; }
  void refuse(std::string code, std::string message) {
    errors_.push_back(
        {fmt::format("[{}].{}", row_, model_.columns[column_].member), std::move(code), std::move(message)});
  }

  const ModelInfo& model_;
  std::vector<FieldError>& errors_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

/// Ids that nobody else will get, in rising order. In a transaction.
class ReservedIds {
 public:
  ReservedIds(const ScopeData& scope, const ModelInfo& model, std::size_t count) {
    if (scope.db->dialect() == db::Dialect::sqlite) {
      from_sqlite(scope, model);
    } else {
      from_postgres(scope, model, count);
    }
  }

  std::int64_t next() {
    while (given_ == ranges_[range_].second) {
      ++range_;
      given_ = 0;
    }
    return ranges_[range_].first + given_++;
  }

 private:
  /// The transaction is the only writer, so what follows the largest id is free; SQLite moves the sequence of
  /// the table on by itself.
  void from_sqlite(const ScopeData& scope, const ModelInfo& model) {
    Sql sql(scope);
    const std::string& id = model.table.columns[model.id].name;
    sql << "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = ";
    sql.bind(model.table.name);
    sql << "), 0), coalesce((SELECT max(";
    sql.name(id) << ") FROM ";
    sql.name(model.table.name) << "), 0))";
    std::int64_t last = 0;
    // As a write, so that it is of this transaction whatever reads are served by.
    scope.db->execute(std::move(sql).take(db::Access::write),
                      [&](const db::Row& row) { last = row.integer(0); });
    ranges_.emplace_back(last + 1, INT64_MAX);
  }

  /// The numbers mostly follow each other; where others took some meanwhile, they come in several ranges.
  void from_postgres(const ScopeData& scope, const ModelInfo& model, std::size_t count) {
    Sql sql(scope);
    sql << "SELECT min(v), count(*) FROM (SELECT v, v - row_number() OVER (ORDER BY v) AS island FROM "
           "(SELECT "
           "nextval(CAST(pg_get_serial_sequence(";
    sql.bind(quoted(model.table.name));
    sql << ", ";
    sql.bind(model.table.columns[model.id].name);
    sql << ") AS regclass)) AS v FROM generate_series(1, ";
    sql.bind(static_cast<std::int64_t>(count));
    sql << ")) AS taken) AS numbered GROUP BY island ORDER BY 1";
    scope.db->execute(std::move(sql).take(db::Access::write),
                      [&](const db::Row& row) { ranges_.emplace_back(row.integer(0), row.integer(1)); });
  }

  static std::string quoted(const std::string& name) { return '"' + name + '"'; }

  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;  ///< first, how many
  std::size_t range_ = 0;
  std::int64_t given_ = 0;
};

void prepare(const ScopeData& scope, const ModelInfo& model, Objects objects) {
  std::vector<FieldError> errors;
  ValueChecker checker(model, errors);
  const Timestamp now = scope.clock->now();
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    if (const Id id = id_in(model, model.id, objects[i]); id && !model.base) {
      throw Error(ErrorKind::internal, fmt::format("insert_many(): row [{}] of {} has an id already: {}", i,
                                                   model.table.name, id.value));
    }
    adopt_row(scope, model, objects[i]);
    set_automatic_fields(scope, model, objects[i], now, true);
    checker.check(i, objects[i]);
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
}

}  // namespace

void insert_many_rows(const ScopeData& scope, const ModelInfo& model, Objects objects) {
  prepare(scope, model, objects);
  db::BulkInsert insert;
  insert.table = model.table.name;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (model.columns[i].generated) continue;
    const Column& column = model.table.columns[i];
    db::BulkColumn& added = insert.columns.emplace_back();
    added.name = column.name;
    added.type = column.type;
    if (column.element) added.element = *column.element;
  }
  insert.rows = objects.count;
  insert.write = [&model, objects](std::size_t row, db::RowWriter& writer) {
    for (const ColumnInfo& column : model.columns) {
      if (!column.generated) column.write(objects[row], writer);
    }
  };
  const auto& set_id = model.columns[model.id].set;
  try {
    scope.db->transaction([&](db::Transaction&) {
      check_references(scope, model, objects);
      if (!model.base) {
        ReservedIds ids(scope, model, objects.count);
        for (std::size_t i = 0; i < objects.count; ++i) set_id(objects[i], ids.next());
      }
      recording(scope, model, [&](Recorder* recorder) {
        scope.db->bulk_insert(insert);
        if (!recorder) return;
        std::vector<std::int64_t> added;
        added.reserve(objects.count);
        for (std::size_t i = 0; i < objects.count; ++i)
          added.push_back(id_in(model, model.id, objects[i]).value);
        recorder->added(added);
      });
    });
  } catch (...) {
    for (std::size_t i = 0; i < objects.count; ++i) set_id(objects[i], std::int64_t{0});
    throw;
  }
}

}  // namespace mpf::orm::detail
