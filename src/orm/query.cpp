#include <mpf/orm/query.hpp>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/render.hpp"
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

QueryCore QueryCore::order_by(const ColumnPath& path, bool descending) const {
  return extended({Clause::OrderBy{&path, descending}, nullptr});
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

void QueryCore::fetch(const RowTarget& target) const {
  std::vector<LoadNode> loads;
  const db::Statement statement = Renderer(scope_, *model_, last_).select(limit_, offset_, &loads);
  scope_.db->execute(statement, [&](const db::Row& row) {
    void* const object = target.place(target.context);
    model_->decode(object, row, 0);
    load_children(object, row, *model_, loads);
    if (target.done) target.done(target.context);
  });
}

void QueryCore::project(std::span<const ColumnPath* const> columns, const db::RowSink& on_row) const {
  scope_.db->execute(Renderer(scope_, *model_, last_).project(columns, limit_, offset_), on_row);
}

std::uint64_t QueryCore::count() const {
  std::uint64_t rows = 0;
  scope_.db->execute(Renderer(scope_, *model_, last_).count(limit_, offset_),
                     [&](const db::Row& row) { rows = static_cast<std::uint64_t>(row.integer(0)); });
  return rows;
}

bool QueryCore::exists() const {
  if (limit_ == 0) return false;
  bool found = false;
  scope_.db->execute(Renderer(scope_, *model_, last_).exists(offset_), [&](const db::Row&) { found = true; });
  return found;
}

std::uint64_t QueryCore::remove() const {
  return scope_.db->execute(Renderer(scope_, *model_, last_).remove(limit_, offset_));
}

namespace {

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
  std::vector<FieldError> errors;
  std::vector<std::pair<std::size_t, std::int64_t>> references;
  for (const NewValue& value : values) {
    const auto* const literal = std::get_if<ValueNode>(&value.value->content);
    const std::size_t column = column_named(*model_, value.column);
    if (!literal) continue;
    check_value(*model_, column, literal->value, "", errors);
    if (model_->columns[column].target && std::holds_alternative<std::int64_t>(literal->value)) {
      references.emplace_back(column, std::get<std::int64_t>(literal->value));
    }
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  const auto all = with_automatic_fields(*model_, scope_, values);
  const auto run = [&] {
    return scope_.db->execute(Renderer(scope_, *model_, last_).update(all, limit_, offset_));
  };
  if (references.empty()) return run();
  // Looked at and written in one transaction, so that no row slips in between.
  return scope_.db->transaction([&](db::Transaction&) {
    for (const auto& [column, id] : references) {
      bool refused = false;
      scope_.db->execute(Renderer(scope_, *model_, last_)
                             .rows_refusing(model_->columns[column].target(), id, limit_, offset_),
                         [&](const db::Row&) { refused = true; });
      if (refused) throw_bad_reference(*model_, column, Id(id), "");
    }
    return run();
  });
}

std::string QueryCore::sql() const {
  return Renderer(scope_, *model_, last_).select(limit_, offset_, nullptr).sql;
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
