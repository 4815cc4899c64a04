#include <mpf/orm/leak_check.hpp>

#include <algorithm>
#include <stdexcept>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/db/error.hpp>

#include "orm/ddl.hpp"
#include "orm/leak_parts.hpp"
#include "orm/sql.hpp"
#include "orm/tenancy.hpp"

namespace mpf::orm {

using detail::ColumnInfo;
using detail::for_each_part;
using detail::is_tenant;
using detail::ModelInfo;
using detail::no_column;
using detail::ScopeData;
using detail::tells_tenant;

namespace {

bool has_tenant(const ModelInfo& model) { return model.site != no_column || model.provider != no_column; }

bool is_whole_number(ColumnType type) {
  return type == ColumnType::smallint || type == ColumnType::integer || type == ColumnType::bigint;
}

bool is_in_unique_set(const Table& table, std::string_view column) {
  return std::ranges::any_of(table.indexes, [&](const Index& index) {
    return index.unique && std::ranges::find(index.columns, column) != index.columns.end();
  });
}

/// Whether all that a row refers to is there; `all`: what it may refer to as well.
bool is_ready(const AnyModel& model, const std::set<const ModelInfo*>& done, bool all) {
  for (const ModelInfo* part = &model.info(); part; part = part->base ? &part->base() : nullptr) {
    for (std::size_t i = 0; i < part->columns.size(); ++i) {
      if (!part->columns[i].target || tells_tenant(*part, i)) continue;
      const ModelInfo& target = part->columns[i].target();
      if (&target == &model.info() && part->table.columns[i].nullable) continue;
      if ((all || !part->table.columns[i].nullable) && !done.contains(&target)) return false;
    }
  }
  return true;
}

/// Each once, behind those that it refers to.
std::vector<AnyModel> ordered(std::vector<AnyModel> models) {
  std::set<const ModelInfo*> done;
  std::vector<AnyModel> result;
  std::erase_if(models, [&](const AnyModel& model) { return !done.insert(&model.info()).second; });
  done.clear();
  while (!models.empty()) {
    auto next = models.end();
    for (const bool all : {true, false}) {
      if (next != models.end()) break;
      next = std::ranges::find_if(models, [&](const AnyModel& model) {
        return !has_tenant(model.info()) || is_ready(model, done, all);
      });
    }
    if (next == models.end()) {
      throw std::logic_error("find_leaks(): name the models that " + std::string(models.front().name()) +
                             " refers to as well");
    }
    done.insert(&next->info());
    result.push_back(*next);
    models.erase(next);
  }
  return result;
}

}  // namespace

std::vector<std::string> LeakCheck::walk(std::vector<AnyModel> models, const std::vector<Named>& named) {
  models = ordered(std::move(models));
  for (const AnyModel& model : models) {
    const bool is_named =
        std::ranges::any_of(named, [&](const Named& n) { return n.model == &model.info(); });
    if (model.has_sets() && has_tenant(model.info()) && !is_named) {
      throw std::logic_error("find_leaks(): " + std::string(model.name()) +
                             " has sets, which can only be walked by its type: find_leaks<" +
                             std::string(model.name()) + ">(mine, theirs, models)");
    }
  }
  struct Undo {};
  try {
    theirs_.db->transaction([&](db::Transaction&) {
      for (const AnyModel& model : models) make(model, theirs_, rows_);
      for (const AnyModel& model : models) make(model, mine_, own_rows_);
      for (const AnyModel& model : models) probe(model);
      for (const Named& each : named) (this->*each.probe_sets)();
      throw Undo();
    });
  } catch (const Undo&) {
  }
  rows_.clear();
  own_rows_.clear();
  return std::exchange(leaks_, {});
}

/// A row with a value in each field: those given, texts and unique numbers that differ, references to the
/// rows made before, else what the struct has. The database is asked for the values that it gets, so that
/// the model decodes them as those of any row.
std::shared_ptr<void> LeakCheck::sample(const AnyModel& model, const Rows& rows, const Values& given) {
  std::shared_ptr<void> row = model.make();
  ++counter_;
  detail::Sql sql(theirs_);
  bool first = true;
  for_each_part(model.info(), row.get(), [&](const ModelInfo& part, const void* object) {
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      const Column& column = part.table.columns[i];
      db::Param value = part.columns[i].get(object);
      const bool free = !tells_tenant(part, i) && i != part.id && i != part.kind;
      if (const auto found = given.find(column.name); found != given.end()) {
        value = found->second;
      } else if (free && part.columns[i].target) {
        const auto target = rows.find(&part.columns[i].target());
        if (target != rows.end()) value = target->second.value;
      } else if (free && column.type == ColumnType::text && column.choices.empty() && !column.nullable) {
        value = std::to_string(counter_);
      } else if (free && is_whole_number(column.type) && is_in_unique_set(part.table, column.name)) {
        value = static_cast<std::int64_t>(counter_);
      }
      sql << (first ? "SELECT " : ", ");
      first = false;
      if (sql.sqlite()) {
        sql.bind(std::move(value));
      } else {
        sql << "CAST(";
        sql.bind(std::move(value)) << " AS " << ddl::type_name(column, sql.dialect()) << ")";
      }
    }
  });
  theirs_.db->execute(std::move(sql).take(db::Access::read),
                      [&](const db::Row& values) { model.info().decode(row.get(), values, 0); });
  return row;
}

std::shared_ptr<void> LeakCheck::row_of(const ScopeData& scope, const AnyModel& model, Id id) const {
  std::shared_ptr<void> row = model.make();
  detail::find_row(scope, model.info(), id, row.get());
  return row;
}

void LeakCheck::make(const AnyModel& any, const ScopeData& scope, Rows& rows) {
  const ModelInfo& model = any.info();
  if (!has_tenant(model)) return;
  walked_.insert(model.table.name);
  if (is_tenant(model)) {
    rows[&model] = model.site == model.id ? scope.site : scope.provider;
    return;
  }
  const auto row = sample(any, rows);
  if (model.provider != no_column) model.columns[model.provider].set(row.get(), scope.provider.value);
  detail::insert_row(scope, model, row.get());
  rows[&model] = detail::id_in(model, model.id, row.get());
}

namespace {

bool is_refusal(const Error& error) {
  // Row-level security says no as to a missing right.
  const auto* const sql = dynamic_cast<const db::SqlError*>(&error);
  if (sql && sql->sqlstate() == "42501") return true;
  switch (error.kind()) {
    case ErrorKind::denied:
    case ErrorKind::not_found:
    case ErrorKind::conflict:
    case ErrorKind::invalid:
      return true;
    default:
      return false;  // what failed by itself proves nothing
  }
}

}  // namespace

void LeakCheck::expect(const ModelInfo& model, std::string_view what, const std::function<bool()>& attempt) {
  bool leaked = false;
  try {
    // A savepoint: what went through must not be in the way of the next.
    theirs_.db->transaction([&](db::Transaction&) {
      leaked = attempt();
      throw Done();
    });
  } catch (const Done&) {
  } catch (const Error& error) {
    if (!is_refusal(error)) {
      throw std::logic_error(
          fmt::format("find_leaks(): {}, '{}' cannot be tried: {}", model.type_name, what, error.what()));
    }
    leaked = false;
  }
  if (leaked) leaks_.push_back(std::string(model.type_name) + ": " + std::string(what));
}

/// Whether both may see it: what belongs to a provider that is the same.
bool LeakCheck::is_shared(const ModelInfo& model) const {
  return model.site == no_column && mine_.provider == theirs_.provider;
}

void LeakCheck::probe(const AnyModel& any) {
  const ModelInfo& model = any.info();
  const auto made = rows_.find(&model);
  if (made == rows_.end()) return;
  if (!is_shared(model)) {
    probe_queries(any, made->second);
    probe_selections(any, made->second);
    probe_updates(any, made->second);
    probe_removals(any, made->second);
    probe_rows_of_theirs(any, made->second);
    probe_keys(any, made->second);
  }
  probe_references(any);
}

/// A new row of mine that refers to theirs, and the one that is there, by each reference in turn.
void LeakCheck::probe_references(const AnyModel& any) {
  const ModelInfo& model = any.info();
  if (is_tenant(model)) return;
  std::size_t depth = 0;
  for_each_part(model, any.make().get(), [&](const ModelInfo& part, const void*) {
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      const ColumnInfo& reference = part.columns[i];
      if (!reference.target || tells_tenant(part, i)) continue;
      const auto other = rows_.find(&reference.target());
      if (other == rows_.end() || is_shared(reference.target())) continue;
      const auto lead = [&](const std::shared_ptr<void>& row) {
        std::size_t at = 0;
        for_each_part(model, row.get(), [&](const ModelInfo&, void* object) {
          if (at++ == depth) reference.set(object, other->second.value);
        });
        return row;
      };
      expect(model, "a row may refer to it by " + std::string(reference.member), [&] {
        detail::insert_row(mine_, model, lead(sample(any, own_rows_)).get());
        return true;
      });
      // What is unique keeps a new row out for another reason.
      expect(model, "an update may lead to it by " + std::string(reference.member), [&] {
        const auto row = lead(row_of(mine_, any, own_rows_.at(&model)));
        detail::update_row(mine_, model, row.get(), std::span(&reference.member, 1));
        return true;
      });
      expect(model, "update_many() may lead to it by " + std::string(reference.member), [&] {
        const auto row = lead(row_of(mine_, any, own_rows_.at(&model)));
        detail::update_rows(mine_, model, {row.get(), 1, 0}, std::span(&reference.member, 1));
        return true;
      });
      expect(model, "many rows may refer to it by " + std::string(reference.member), [&] {
        detail::insert_rows(mine_, model, {lead(sample(any, own_rows_)).get(), 1, 0});
        return true;
      });
      const std::string& column = part.table.columns[i].name;
      const auto set = [&](detail::NodePtr value) {
        const detail::NewValue values[] = {{column, std::move(value)}};
        return detail::QueryCore(mine_, model).with_retired().update(values) != 0;
      };
      expect(model, "an update of a query may lead to it by " + std::string(reference.member),
             [&] { return set(detail::value_node(other->second.value, nullptr)); });
      expect(model, "a computed value may lead to it by " + std::string(reference.member), [&] {
        // The same number twice, so that it is an expression.
        const auto id = detail::value_node(other->second.value, nullptr);
        return set(detail::call_node(detail::Function::greatest, {id, id}, ColumnType::id, false));
      });
      probe_path(any, reference, column, other->second);
    }
    ++depth;
  });
}

/// A new row of mine with the unique values of theirs.
void LeakCheck::probe_keys(const AnyModel& any, Id id) {
  const ModelInfo& model = any.info();
  if (is_tenant(model) || model.base) return;
  for (const Index& index : model.table.indexes) {
    if (!index.unique || index.where || !index.expressions.empty()) continue;
    // A new row has no id that could be taken.
    if (std::ranges::find(index.columns, model.table.columns[model.id].name) != index.columns.end()) continue;
    const auto theirs = row_of(theirs_, any, id);
    std::vector<std::string_view> key;
    Values values;
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      const std::string& column = model.table.columns[i].name;
      if (tells_tenant(model, i) || std::ranges::find(index.columns, column) == index.columns.end()) continue;
      key.push_back(model.columns[i].member);
      values[column] = model.columns[i].get(theirs.get());
    }
    if (key.empty()) continue;
    expect(model, "upsert() takes it over", [&] {
      const auto same = sample(any, own_rows_, values);
      detail::upsert_rows(mine_, model, {same.get(), 1, 0}, key);
      return detail::id_in(model, model.id, same.get()) == id;
    });
    expect(model, "get_or_create() shows it", [&] {
      const auto same = sample(any, own_rows_, values);
      const auto found = any.make();
      detail::adopt(mine_, model, same.get());
      return detail::find_row_by(mine_, model, same.get(), key, found.get()) &&
             detail::id_in(model, model.id, found.get()) == id;
    });
  }
}

}  // namespace mpf::orm
