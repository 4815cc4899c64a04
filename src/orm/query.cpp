#include <mpf/orm/query.hpp>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/execute.hpp"
#include "orm/render.hpp"
#include "orm/tenancy.hpp"
#include "orm/values.hpp"

namespace mpf::orm::detail {

QueryCore QueryCore::extended(Clause clause) const {
  QueryCore next = *this;
  clause.before = last_;
  next.last_ = std::make_shared<const Clause>(std::move(clause));
  return next;
}

QueryCore QueryCore::where(NodePtr condition) const {
  return extended({Clause::Where{std::move(condition)}, nullptr});
}

QueryCore QueryCore::order_by(OrderBy term) const {
  return extended({Clause::Order{std::move(term)}, nullptr});
}

QueryCore QueryCore::first_per(std::vector<NodePtr> values, std::size_t rows) const {
  Sql unused(scope_);
  return extended({Clause::FirstPer{std::move(values), rows, Renderer(unused, *this).order()}, nullptr});
}

QueryCore QueryCore::lock(LockStrength strength, LockWait wait) const {
  return extended({Clause::Lock{strength, wait}, nullptr});
}

QueryCore QueryCore::at(const std::source_location& origin) const {
  QueryCore next = *this;
  next.origin_ = origin;
  return next;
}

QueryCore QueryCore::with(std::span<const Hop> hops) const { return extended({Clause::With{hops}, nullptr}); }

QueryCore QueryCore::limit(std::size_t rows) const {
  QueryCore next = *this;
  next.limit_ = rows;
  return next;
}

QueryCore QueryCore::offset(std::size_t rows) const {
  QueryCore next = *this;
  next.offset_ = rows;
  return next;
}

/// SQLite has one writer, who has the database to himself; the others' locks would be for nothing.
void check_lock(db::Database& db) {
  if (db.current()) return;
  fail(ErrorKind::internal,
       "for_update() and for_share() hold rows until a transaction ends, and none is open");
}

void QueryCore::fetch(const RowTarget& target, bool stream, std::span<const NodePtr> extra,
                      const ValueSink& on_values) const {
  std::vector<LoadNode> loads;
  std::size_t first_extra = 0;
  Sql sql(scope_);
  Renderer renderer(sql, *this);
  if (renderer.locks()) check_lock(*scope_.db);
  renderer.select(&loads, extra, &first_extra);
  const db::Access access = renderer.locks() ? db::Access::write : db::Access::read;
  execute(
      *scope_.db, std::move(sql), access, origin_,
      [&](const db::Row& row) {
        void* const object = target.place(target.context);
        model_->decode(object, row, 0);
        load_children(object, row, *model_, loads);
        if (on_values) on_values(row, first_extra);
        if (target.done) target.done(target.context);
      },
      stream, scope_.replica);
}

std::uint64_t QueryCore::count() const {
  std::uint64_t rows = 0;
  Sql sql(scope_);
  Renderer(sql, *this).count();
  execute(
      *scope_.db, std::move(sql), db::Access::read, origin_,
      [&](const db::Row& row) { rows = static_cast<std::uint64_t>(row.integer(0)); }, false, scope_.replica);
  return rows;
}

bool QueryCore::exists() const {
  if (limit_ == 0) return false;
  bool found = false;
  Sql sql(scope_);
  Renderer(sql, *this).exists();
  execute(
      *scope_.db, std::move(sql), db::Access::read, origin_, [&](const db::Row&) { found = true; }, false,
      scope_.replica);
  return found;
}

namespace {

db::RowSink sink_into(const ModelInfo& model, const RowTarget& target) {
  return [&model, &target](const db::Row& row) {
    model.decode(target.place(target.context), row, 0);
    if (target.done) target.done(target.context);
  };
}

}  // namespace

std::uint64_t QueryCore::remove() const {
  if (model_->base) return remove_extended(nullptr);
  return recording_rows(*this, true, [](const QueryCore& rows) {
    Sql sql(rows.scope_);
    Renderer(sql, rows).remove(false);
    return execute(*rows.scope_.db, std::move(sql), db::Access::write, rows.origin_);
  });
}

void QueryCore::remove_returning(const RowTarget& target) const {
  if (model_->base) {
    remove_extended(&target);
    return;
  }
  recording_rows(*this, true, [&](const QueryCore& rows) {
    Sql sql(rows.scope_);
    Renderer(sql, rows).remove(true);
    return execute(*rows.scope_.db, std::move(sql), db::Access::write, rows.origin_,
                   sink_into(*rows.model_, target));
  });
}

namespace {

/// What rows keep, or the ORM sets by itself; the types of query.hpp don't let it come this far.
void refuse_kept_column(const ModelInfo& model, std::size_t column) {
  const bool kept = column == model.id || column == model.site || column == model.provider ||
                    column == model.kind || model.columns[column].row_version;
  if (!kept) return;
  throw Error(ErrorKind::internal,
              fmt::format("update(): {} is kept by every row: it cannot be set by a query",
                          model.columns[column].spelled));
}

/// The row's update has effects of its own: times and versions.
std::vector<NewValue> with_automatic_fields(const ModelInfo& model, const ScopeData& scope,
                                            std::span<const NewValue> values) {
  std::vector<NewValue> all(values.begin(), values.end());
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    const std::string& name = model.table.columns[i].name;
    bool given = false;
    for (const NewValue& value : values) given = given || value.column == name;
    if (given) continue;
    if (model.columns[i].auto_now) {
      all.push_back({name, value_node(scope.clock->now(), nullptr)});
    } else if (model.columns[i].row_version) {
      all.push_back({name, nullptr});
    }
  }
  return all;
}

}  // namespace

std::uint64_t QueryCore::update(std::span<const NewValue> values) const {
  return run_update(values, nullptr);
}

void QueryCore::update_returning(std::span<const NewValue> values, const RowTarget& target) const {
  run_update(values, &target);
}

std::uint64_t QueryCore::run_update(std::span<const NewValue> values, const RowTarget* returning) const {
  return model_->base ? update_extended(values, returning) : update_own(values, returning);
}

std::uint64_t QueryCore::update_own(std::span<const NewValue> values, const RowTarget* returning) const {
  std::vector<FieldError> errors;
  std::vector<std::pair<std::size_t, std::int64_t>> references;
  std::vector<std::size_t> computed;
  for (const NewValue& value : values) {
    const auto* const literal = std::get_if<ValueNode>(&value.value->content);
    const std::size_t column = column_named(*model_, value.column);
    refuse_kept_column(*model_, column);
    if (!literal) {
      if (model_->columns[column].target) computed.push_back(column);
      continue;
    }
    check_value(*model_, column, literal->value, "", errors);
    if (model_->columns[column].target && std::holds_alternative<std::int64_t>(literal->value)) {
      references.emplace_back(column, std::get<std::int64_t>(literal->value));
    }
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  if (!computed.empty()) {
    // Where a computed reference leads is known when it is written: then it is looked at.
    std::uint64_t rows = 0;
    scope_.db->transaction([&](db::Transaction&) {
      const std::vector<std::int64_t> found = ids(db::Access::write);
      if (found.empty()) return;
      rows = only(found).write_values(values, references, returning);
      for (const std::size_t column : computed) refuse_bad_references(column, found);
    });
    return rows;
  }
  return write_values(values, references, returning);
}

void QueryCore::refuse_bad_references(std::size_t column, std::span<const std::int64_t> rows) const {
  Sql sql(scope_);
  const QueryCore written = QueryCore(scope_, *model_).with_retired().only(rows);
  Renderer(sql, written).bad_references(model_->table.columns[column].name, model_->columns[column].target());
  std::optional<Id> bad;
  execute(*scope_.db, std::move(sql), db::Access::write, origin_,
          [&](const db::Row& row) { bad = Id(row.integer(0)); });
  if (bad) throw_bad_reference(*model_, column, *bad, "");
}

std::uint64_t QueryCore::write_values(std::span<const NewValue> values,
                                      std::span<const std::pair<std::size_t, std::int64_t>> references,
                                      const RowTarget* returning) const {
  const auto all = with_automatic_fields(*model_, scope_, values);
  const auto run = [&] {
    return recording_rows(*this, false, [&](const QueryCore& rows) {
      Sql sql(rows.scope_);
      Renderer(sql, rows).update(all, returning != nullptr);
      const db::RowSink on_row = returning ? sink_into(*rows.model_, *returning) : db::RowSink();
      return execute(*rows.scope_.db, std::move(sql), db::Access::write, rows.origin_, on_row);
    });
  };
  if (references.empty()) return run();
  // Looked at and written in one transaction, so that no row slips in between.
  return scope_.db->transaction([&](db::Transaction&) {
    for (const auto& [column, id] : references) {
      bool refused = false;
      Sql sql(scope_);
      Renderer(sql, *this).rows_refusing(model_->columns[column].target(), id);
      execute(*scope_.db, std::move(sql), db::Access::read, origin_, [&](const db::Row&) { refused = true; });
      if (refused) throw_bad_reference(*model_, column, Id(id), "");
    }
    return run();
  });
}

std::string QueryCore::sql() const {
  Sql sql(scope_);
  Renderer(sql, *this).select(nullptr);
  return sql.text();
}

std::string QueryCore::explain() const {
  Sql sql(scope_);
  sql << (sql.sqlite() ? "EXPLAIN QUERY PLAN " : "EXPLAIN ");
  Renderer(sql, *this).select(nullptr);
  return detail::explain(*scope_.db, std::move(sql), origin_);
}

void throw_no_row(const ModelInfo& model) {
  throw Error(ErrorKind::not_found, fmt::format("no row of {} fits the query", model.table.name));
}

void throw_no_row(const ModelInfo& model, Id id) {
  throw Error(ErrorKind::not_found,
              fmt::format("{} {} does not exist in this scope", model.table.name, id.value));
}

void throw_many_rows(const ModelInfo& model) {
  throw Error(ErrorKind::internal, fmt::format("several rows of {} fit a query for one", model.table.name));
}

}  // namespace mpf::orm::detail
