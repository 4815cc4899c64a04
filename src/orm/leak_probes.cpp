#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/change_log.hpp>
#include <mpf/orm/leak_check.hpp>

#include "orm/leak_parts.hpp"
#include "orm/tenancy.hpp"

/// What LeakCheck tries with one row of the other tenant.
namespace mpf::orm {

using detail::ColumnInfo;
using detail::ColumnPath;
using detail::Hop;
using detail::ModelInfo;
using detail::no_column;
using detail::NodePtr;
using detail::QueryCore;
using detail::SelectionPlan;

namespace {

ColumnPath path_to(const ModelInfo& model, std::size_t column) {
  const Column& described = model.table.columns[column];
  return {{}, described.name, model.columns[column].spelled, described.type, described.nullable};
}

/// Conditions and plans about the row of one id. The paths of their nodes are its own: keep it while they are
/// used.
struct Target {
  Target(const ModelInfo& about, Id row) : model(about), id(row), path(path_to(about, about.id)) {}
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  NodePtr is_it() const {
    return detail::compare_node(detail::Comparison::equal, detail::column_node(path),
                                detail::value_node(id.value, &path));
  }
  /// The id of the rows.
  detail::PlanPtr ids(const QueryCore& query) const {
    return std::make_shared<const SelectionPlan>(
        SelectionPlan{.source = query, .columns = {detail::column_node(path)}});
  }

  const ModelInfo& model;
  Id id;
  ColumnPath path;
};

std::int64_t number_of(const SelectionPlan& plan) {
  std::int64_t number = 0;
  detail::run_selection(plan, [&](const db::Row& row) { number = row.is_null(0) ? 0 : row.integer(0); },
                        false, {});
  return number;
}

NodePtr row_count() { return detail::call_node(detail::Function::count_rows, {}, ColumnType::bigint, false); }

/// Whether updates may write that column.
bool may_change(const ModelInfo& model, std::size_t i) {
  const ColumnInfo& column = model.columns[i];
  return i != model.id && !detail::tells_tenant(model, i) && i != model.kind && !column.row_version &&
         !column.generated;
}

/// A column that an update may write; none if there is none. One that refers to nothing where there is one:
/// what keeps references apart must not keep this apart as well.
std::size_t changeable_column(const ModelInfo& model) {
  std::size_t found = no_column;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!may_change(model, i)) continue;
    if (!model.columns[i].target) return i;
    if (found == no_column) found = i;
  }
  return found;
}

/// What an update may write without referring to anything: where a unique set of references kept the row of
/// mine from getting the same ones again, nothing would be proved. All members if there are none.
std::vector<std::string_view> plain_members(const ModelInfo& model) {
  std::vector<std::string_view> members;
  for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
    for (std::size_t i = 0; i < part->columns.size(); ++i) {
      if (may_change(*part, i) && !part->columns[i].target) members.push_back(part->columns[i].member);
    }
  }
  return members;
}

}  // namespace

detail::RowTarget LeakCheck::Seen::target() {
  return {this, [](void* context) { return static_cast<Seen*>(context)->row.get(); },
          [](void* context) {
            auto& seen = *static_cast<Seen*>(context);
            seen.found = seen.found || detail::id_in(seen.model, seen.model.id, seen.row.get()) == seen.id;
          }};
}

bool LeakCheck::shows(const AnyModel& any, const QueryCore& query, Id id, bool stream) const {
  Seen seen{any.info(), any.make(), id};
  query.fetch(seen.target(), stream);
  return seen.found;
}

/// A row as mine, with references to mine alone, that says it is theirs: of no tenant yet, with their id and
/// versions.
std::shared_ptr<void> LeakCheck::forged(const AnyModel& any, Id id) {
  std::shared_ptr<void> row = sample(any, own_rows_);
  std::vector<std::pair<const ColumnInfo*, db::Param>> values;
  const std::shared_ptr<void> theirs = row_of(theirs_, any, id);
  const auto is_taken = [](const ModelInfo& part, std::size_t i) {
    return i == part.id || part.columns[i].row_version;
  };
  detail::for_each_part(any.info(), theirs.get(), [&](const ModelInfo& part, const void* object) {
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      if (is_taken(part, i)) values.emplace_back(&part.columns[i], part.columns[i].get(object));
    }
  });
  std::size_t next = 0;
  detail::for_each_part(any.info(), row.get(), [&](const ModelInfo& part, void* object) {
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      if (!is_taken(part, i)) continue;
      values[next].first->set(object, values[next].second);
      ++next;
    }
  });
  return row;
}

void LeakCheck::probe_queries(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  const Target it(model, id);
  const QueryCore all(mine_, model);
  const QueryCore one = all.where(it.is_it());
  expect(model, "all() shows it", [&] { return shows(any, all.with_retired(), id); });
  expect(model, "all() with a condition shows it", [&] { return shows(any, one, id); });
  expect(model, "a condition with || shows it", [&] {
    return shows(any, all.where(detail::or_node(it.is_it(), detail::not_node(it.is_it()))), id);
  });
  expect(model, "each() shows it", [&] { return shows(any, all, id, true); });
  expect(model, "first() shows it", [&] { return shows(any, one.limit(1), id); });
  expect(model, "first_per() shows it",
         [&] { return shows(any, one.first_per({detail::column_node(it.path)}, 1), id); });
  expect(model, "for_update() shows it",
         [&] { return shows(any, one.lock(detail::LockStrength::update, detail::LockWait::wait), id); });
  expect(model, "page() shows it", [&] {
    Seen seen{model, any.make(), id};
    one.page({.size = 5, .cursor = {}}, seen.target());
    return seen.found;
  });
  expect(model, "count() counts it", [&] { return one.count() != 0; });
  expect(model, "exists() finds it", [&] { return one.exists(); });
  expect(model, "find() shows it", [&] { return detail::find_row(mine_, model, id, any.make().get()); });
  expect(model, "a batch finds it", [&] {
    bool found = false;
    const db::Statement statements[] = {detail::find_statement(mine_, model, id)};
    mine_.db->execute_batch(statements, [&](std::size_t, const db::Row&) { found = true; });
    return found;
  });
  expect(model, "update_or_create() locks it", [&] {
    detail::lock_row(mine_, model, id, any.make().get());
    return true;
  });
}

void LeakCheck::probe_selections(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  const Target it(model, id);
  const QueryCore all(mine_, model);
  const QueryCore one = all.where(it.is_it());
  const QueryCore none = one.where(detail::not_node(it.is_it()));
  expect(model, "select() shows it", [&] { return number_of(*it.ids(one)) != 0; });
  expect(model, "aggregate() counts it",
         [&] { return number_of({.source = one, .columns = {row_count()}, .grouped = true}) != 0; });
  expect(model, "group_by() counts it", [&] {
    const NodePtr key = detail::column_node(it.path);
    return number_of({.source = one, .columns = {key, row_count()}, .grouped = true, .groups = {key}}) != 0;
  });
  const auto combined = [&](detail::SetOperation operation, const QueryCore& left, const QueryCore& right) {
    SelectionPlan plan{.source = one};
    plan.operation = operation;
    plan.left = it.ids(left);
    plan.right = it.ids(right);
    return number_of(plan) != 0;
  };
  using Operation = detail::SetOperation;
  expect(model, "union_with() shows it", [&] { return combined(Operation::either, none, one); });
  expect(model, "intersect() shows it", [&] { return combined(Operation::both, one, one); });
  expect(model, "except() shows it", [&] { return combined(Operation::without, one, none); });
  // Asked about a row of mine, so that the condition of the query around them does not hide it.
  const auto own = own_rows_.find(&model);
  if (own == own_rows_.end()) return;
  const Target mine(model, own->second);
  const QueryCore my_row = all.with_retired().where(mine.is_it());
  expect(model, "in() of a query finds it", [&] {
    const NodePtr wanted = detail::value_node(id.value, &it.path);
    return my_row.where(detail::in_selection_node(wanted, it.ids(one))).count() != 0;
  });
  expect(model, "exists() of a query finds it",
         [&] { return my_row.where(detail::exists_node(it.ids(one))).count() != 0; });
  expect(model, "scalar() of a query shows it", [&] {
    return number_of({.source = my_row, .columns = {detail::scalar_node(it.ids(one), ColumnType::id)}}) != 0;
  });
}

void LeakCheck::probe_updates(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  const std::vector<std::string_view> members = plain_members(model);
  expect(model, "update() changes it", [&] {
    detail::update_row(mine_, model, forged(any, id).get(), members);
    return true;
  });
  expect(model, "update_many() changes it", [&] {
    detail::update_rows(mine_, model, {forged(any, id).get(), 1, 0}, members);
    return true;
  });
  const std::size_t column = changeable_column(model);
  if (column == no_column) return;
  const Target it(model, id);
  const QueryCore one = QueryCore(mine_, model).where(it.is_it());
  const ColumnPath path = path_to(model, column);
  const detail::NewValue values[] = {{path.column, detail::column_node(path)}};
  expect(model, "update() of a query changes it", [&] { return one.update(values) != 0; });
  expect(model, "update() of a query with a limit changes it",
         [&] { return one.limit(1).update(values) != 0; });
  expect(model, "update_returning() shows it", [&] {
    Seen seen{model, any.make(), id};
    one.update_returning(values, seen.target());
    return seen.found;
  });
}

void LeakCheck::probe_removals(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  const Target it(model, id);
  const QueryCore one = QueryCore(mine_, model).where(it.is_it());
  expect(model, "remove() deletes it", [&] { return detail::remove_row(mine_, model, id); });
  expect(model, "remove() of a query deletes it", [&] { return one.remove() != 0; });
  expect(model, "remove_returning() shows it", [&] {
    Seen seen{model, any.make(), id};
    one.remove_returning(seen.target());
    return seen.found;
  });
  if (model.retired == no_column && !detail::has_retired_base(model)) return;
  expect(model, "retire() retires it", [&] { return detail::retire_row(mine_, model, id, true); });
  expect(model, "restore() restores it", [&] {
    detail::retire_row(theirs_, model, id, true);
    return detail::retire_row(mine_, model, id, false);
  });
}

/// Rows that say they are theirs, and what was written down about theirs.
void LeakCheck::probe_rows_of_theirs(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  if (model.change_log) {
    expect(model, "changes_of() tells of it",
           [&] { return !detail::read_changes(mine_, model, id).empty(); });
  }
  if (detail::is_tenant(model)) return;
  const auto theirs = [&] {
    std::shared_ptr<void> row = sample(any, own_rows_);
    if (model.site != no_column) model.columns[model.site].set(row.get(), theirs_.site.value);
    if (model.provider != no_column) model.columns[model.provider].set(row.get(), theirs_.provider.value);
    return row;
  };
  expect(model, "insert() adds to them", [&] {
    detail::insert_row(mine_, model, theirs().get());
    return true;
  });
  expect(model, "insert_many() adds to them", [&] {
    detail::insert_rows(mine_, model, {theirs().get(), 1, 0});
    return true;
  });
}

/// Data that was broken around the ORM: a row of mine that refers to theirs, and one of theirs that refers to
/// mine. Nothing of theirs is seen on that way.
void LeakCheck::probe_path(const AnyModel& any, const ColumnInfo& reference, std::string_view column,
                           Id other) {
  const ModelInfo& model = any.info();
  const ModelInfo& target = reference.target();
  const Target own(model, own_rows_.at(&model));
  const Hop hop{column, reference.spelled, true, reference.target};
  const auto lead = [&](const detail::ScopeData& scope, const Target& row, Id to) {
    const detail::NewValue values[] = {{column, detail::value_node(to.value, nullptr)}};
    QueryCore(unfiltered(scope), model).with_retired().where(row.is_it()).update(values);
  };
  const QueryCore my_row = QueryCore(mine_, model).with_retired().where(own.is_it());
  const std::string name(reference.member);
  expect(model, "with() of " + name + " loads it", [&] {
    lead(mine_, own, other);
    const auto prepared = my_row.with(std::span(&hop, 1)).prepared();
    const detail::LoadNode* loaded = &prepared.loads.at(0);
    while (loaded->column == no_column) loaded = &loaded->children.at(0);
    bool found = false;
    mine_.db->execute(prepared.statement, [&](const db::Row& row) {
      found = found || !row.is_null(loaded->first_column + target.id);
    });
    return found;
  });
  const auto sure = std::ranges::find_if(
      target.table.columns, [](const Column& each) { return !each.nullable && !each.primary_key; });
  if (sure != target.table.columns.end()) {
    const ColumnPath over{std::span(&hop, 1), sure->name, reference.spelled, sure->type, true};
    expect(model, "a value over " + name + " shows it", [&] {
      lead(mine_, own, other);
      bool found = false;
      detail::run_selection({.source = my_row, .columns = {detail::column_node(over)}},
                            [&](const db::Row& row) { found = !row.is_null(0); }, false, {});
      return found;
    });
  }
  const auto parent = own_rows_.find(&target);
  if (parent == own_rows_.end()) return;
  // Related rows are asked for by the part of theirs that has the reference.
  detail::ModelGetter part = any.getter();
  const auto has_it = [&](const ColumnInfo& each) { return &each == &reference; };
  while (std::ranges::none_of(part().columns, has_it)) part = part().base;
  const Target theirs(model, rows_.at(&model));
  const Target it(part(), theirs.id);
  const Target above(target, parent->second);
  const QueryCore my_parent = QueryCore(mine_, target).with_retired().where(above.is_it());
  const auto related = [&] { return detail::Related{part, hop, it.is_it()}; };
  expect(model, "related() by " + name + " finds it", [&] {
    lead(theirs_, theirs, parent->second);
    return my_parent.where(detail::related_node(related())).count() != 0;
  });
  expect(model, "related() by " + name + " counts it", [&] {
    lead(theirs_, theirs, parent->second);
    const NodePtr count = detail::related_value_node(related(), row_count(), ColumnType::bigint, false);
    return number_of({.source = my_parent, .columns = {count}}) != 0;
  });
}

}  // namespace mpf::orm
