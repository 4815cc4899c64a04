#include <algorithm>
#include <optional>

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
  void real(double value) override { refuse(defect_of(value)); }
  void text(std::string_view value) override { refuse(defect_of(column(), value)); }
  void bytes(std::span<const std::byte>) override {}
  void timestamp(Timestamp value) override { refuse(defect_of(value)); }
  void numeric(db::Numeric) override {}
  void date(Date) override {}
  void duration(Microseconds) override {}
  void uuid(const Uuid&) override {}
  void json(std::string_view value) override { refuse(defect_of_json(value)); }
  void network(const IpNetwork&) override {}
  void array(const db::Array& value) override { refuse(defect_of(value)); }
  void range(const db::RangeValue& value) override { refuse(defect_of(value)); }

 private:
  const Column& column() const { return model_.table.columns[column_]; }
  void refuse(std::optional<Defect> defect) {
    if (defect) refuse(defect->code, std::move(defect->message));
  }
  void refuse(std::string code, std::string message) {
    errors_.push_back(
        {fmt::format("[{}].{}", row_, model_.columns[column_].member), std::move(code), std::move(message)});
  }

  const ModelInfo& model_;
  std::vector<FieldError>& errors_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

/// SQLite: the transaction is the only writer, so what follows the largest id is free; SQLite moves the
/// sequence of the table on by itself.
std::int64_t last_id(const ScopeData& scope, const ModelInfo& model) {
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
  return last;
}

/// The ids that PostgreSQL's sequence gives to rows while they are copied, in their order: reserving them
/// first costs the server more than the copying.
class GivenIds {
 public:
  /// Before the rows are written. In a transaction.
  GivenIds(const ScopeData& scope, const ModelInfo& model) : scope_(scope), model_(model) {
    before_ = ask_sequence("pg_sequence_last_value");  // takes none: the first row of a table has the id 1
  }

  /// After it: calls take(number of the row, id) for each.
  template <class Take>
  void each(std::size_t rows, const Take& take) const {
    const std::int64_t last = ask_sequence("currval");  // nobody else's
    const auto count = static_cast<std::int64_t>(rows);
    if (last - before_ == count) {
      for (std::size_t i = 0; i < rows; ++i) take(i, before_ + 1 + static_cast<std::int64_t>(i));
      return;
    }
    // Others took some meanwhile. The rows are told from theirs by the transaction, or savepoint, that wrote
    // the last of them.
    Sql sql(scope_);
    const std::string& id = model_.table.columns[model_.id].name;
    const std::string& table = model_.table.name;
    sql << "SELECT ";
    sql.name(id) << " FROM ";
    sql.name(table) << " WHERE ";
    sql.name(id) << " > ";
    sql.bind(before_) << " AND ";
    sql.name(id) << " <= ";
    sql.bind(last) << " AND xmin = (SELECT xmin FROM ";
    sql.name(table) << " WHERE ";
    sql.name(id) << " = ";
    sql.bind(last) << ") ORDER BY 1";
    std::vector<std::int64_t> ids;
    ids.reserve(rows);
    scope_.db->execute(std::move(sql).take(db::Access::write),
                       [&](const db::Row& row) { ids.push_back(row.integer(0)); });
    if (ids.size() != rows) {
      throw Error(ErrorKind::internal,
                  fmt::format("insert_many(): {} rows were written to {}, but {} are found in it: does a "
                              "trigger of the table change what is inserted, or its sequence keep a cache?",
                              rows, table, ids.size()));
    }
    for (std::size_t i = 0; i < rows; ++i) take(i, ids[i]);
  }

 private:
  std::int64_t ask_sequence(std::string_view function) const {
    Sql sql(scope_);
    sql << "SELECT coalesce(" << function << "(CAST(pg_get_serial_sequence(";
    sql.bind('"' + model_.table.name + '"');
    sql << ", ";
    sql.bind(model_.table.columns[model_.id].name);
    sql << ") AS regclass)), 0)";
    std::int64_t value = 0;
    scope_.db->execute(std::move(sql).take(db::Access::write),
                       [&](const db::Row& row) { value = row.integer(0); });
    return value;
  }

  const ScopeData& scope_;
  const ModelInfo& model_;
  std::int64_t before_ = 0;
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
  const bool ids_by_server = scope.db->dialect() == db::Dialect::postgres && !model.base;
  const auto is_written = [&model, ids_by_server](std::size_t column) {
    return !model.columns[column].generated && !(ids_by_server && column == model.id);
  };
  db::BulkInsert insert;
  insert.table = model.table.name;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!is_written(i)) continue;
    const Column& column = model.table.columns[i];
    db::BulkColumn& added = insert.columns.emplace_back();
    added.name = column.name;
    added.type = column.type;
    if (column.element) added.element = *column.element;
  }
  insert.rows = objects.count;
  if (scope.origin.line() != 0) insert.origin = scope.origin;
  insert.write = [&model, objects, is_written](std::size_t row, db::RowWriter& writer) {
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      if (is_written(i)) model.columns[i].write(objects[row], writer);
    }
  };
  const auto& set_id = model.columns[model.id].set;
  try {
    scope.db->transaction([&](db::Transaction&) {
      check_references(scope, model, objects);
      recording(scope, model, [&](Recorder* recorder) {
        if (ids_by_server) {
          const GivenIds given(scope, model);
          scope.db->bulk_insert(insert);
          given.each(objects.count, [&](std::size_t i, std::int64_t id) { set_id(objects[i], id); });
        } else {
          if (!model.base) {  // else the base's rows have given the ids
            const std::int64_t last = last_id(scope, model);
            for (std::size_t i = 0; i < objects.count; ++i) {
              set_id(objects[i], last + 1 + static_cast<std::int64_t>(i));
            }
          }
          scope.db->bulk_insert(insert);
        }
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
