#include "orm/changes.hpp"

#include <algorithm>

#include <mpf/base/json_writer.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/orm/change_log.hpp>

#include "orm/values.hpp"
#include "orm/write.hpp"

namespace mpf::orm {

namespace {
constexpr fiber::Local<std::string> current_actor{};
}  // namespace

struct Actor::Held {
  fiber::Local<std::string>::Scope scope;
};

Actor::Actor(std::string name)
    : held_(new Held{current_actor.set(std::make_shared<std::string>(std::move(name)))}) {}
Actor::~Actor() = default;

std::string Actor::current() {
  const std::string* const name = current_actor.get();
  return name ? *name : std::string();
}

namespace detail {

namespace {

constexpr Sql::Alias root{0};

std::string decimal_text(db::Numeric number) {
  std::string digits = std::to_string(number.coefficient);
  if (number.scale <= 0) return digits;
  const bool negative = digits.front() == '-';
  if (negative) digits.erase(0, 1);
  const auto scale = static_cast<std::size_t>(number.scale);
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  digits.insert(digits.size() - scale, ".");
  return (negative ? "-" : "") + digits;
}

Column element_of(const Column& array) {
  Column element;
  switch (array.element.value_or(ElementType::text)) {
    case ElementType::boolean:
      element.type = ColumnType::boolean;
      break;
    case ElementType::integer:
      element.type = ColumnType::bigint;
      break;
    case ElementType::real:
      element.type = ColumnType::real;
      break;
    case ElementType::text:
      element.type = ColumnType::text;
      break;
    case ElementType::uuid:
      element.type = ColumnType::uuid;
      break;
    case ElementType::timestamp:
      element.type = ColumnType::timestamp;
      break;
    case ElementType::date:
      element.type = ColumnType::date;
      break;
  }
  return element;
}

/// A value as JSON, whatever its type: bytes as hexadecimal text, durations as microseconds.
void append_json(JsonWriter& json, const db::Row& row, std::size_t i, const Column& column) {
  if (row.is_null(i)) return json.null();
  switch (column.type) {
    case ColumnType::boolean:
      return json.value(row.boolean(i));
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return json.value(row.integer(i));
    case ColumnType::float4:
    case ColumnType::real:
      return json.value(row.real(i));
    case ColumnType::text:
      return json.value(row.text(i));
    case ColumnType::timestamp:
      return json.value(row.timestamp(i).to_string());
    case ColumnType::decimal:
      return json.raw(decimal_text(row.numeric(i, column.scale)));
    case ColumnType::date:
      return json.value(row.date(i).to_string());
    case ColumnType::duration:
      return json.value(row.duration(i).count());
    case ColumnType::uuid:
      return json.value(row.uuid(i).to_string());
    case ColumnType::network:
      return json.value(row.network(i).to_string());
    case ColumnType::json:
      return json.raw(row.json(i));
    case ColumnType::bytes: {
      std::string hex;
      constexpr std::string_view digits = "0123456789abcdef";
      for (const std::byte byte : row.bytes(i)) {
        hex += digits[static_cast<unsigned>(byte) >> 4];
        hex += digits[static_cast<unsigned>(byte) & 15];
      }
      return json.value(hex);
    }
    case ColumnType::array:
      json.begin_array();
      row.array(i, [&](const db::Row& each) { append_json(json, each, 0, element_of(column)); });
      return json.end_array();
    case ColumnType::range: {
      const db::RangeValue range = row.range(i, column.element.value_or(ElementType::integer));
      json.begin_object();
      json.key("empty").value(range.empty);
      if (range.lower) json.key(range.lower_inclusive ? "from" : "above").value(*range.lower);
      if (range.upper) json.key(range.upper_inclusive ? "to" : "below").value(*range.upper);
      return json.end_object();
    }
  }
}

}  // namespace

void Recorder::read(const std::function<void(Sql&)>& which, bool lock, Rows& into) {
  Sql sql(scope_);
  sql << "SELECT ";
  for (const Column& column : model_.table.columns) {
    if (&column != model_.table.columns.data()) sql << ", ";
    sql.column(root, column.name);
  }
  sql << " FROM ";
  sql.name(model_.table.name) << " ";
  sql.alias(root) << " WHERE ";
  which(sql);
  write_tenant_condition(sql, root, model_, writing(scope_));
  if (lock && !sql.sqlite()) sql << " FOR UPDATE";
  scope_.db->execute(std::move(sql).take(db::Access::write), [&](const db::Row& row) {
    Seen& seen = into[row.integer(model_.id)];
    seen.values.clear();
    for (std::size_t i = 0; i < model_.columns.size(); ++i) {
      std::string text;
      JsonWriter json(text);
      append_json(json, row, i, model_.table.columns[i]);
      seen.values.push_back(std::move(text));
    }
    if (model_.site != no_column) seen.site = row.integer(model_.site);
    if (model_.provider != no_column && !row.is_null(model_.provider)) {
      seen.provider = row.integer(model_.provider);
    }
  });
}

void Recorder::read(std::span<const std::int64_t> ids, bool lock, Rows& into) {
  constexpr std::size_t portion = 1000;
  for (std::size_t first = 0; first < ids.size(); first += portion) {
    const auto some = ids.subspan(first, std::min(portion, ids.size() - first));
    read(
        [&](Sql& sql) {
          sql.column(root, column_name_at(model_, model_.id));
          sql.is_one_of(some);
        },
        lock, into);
  }
}

void Recorder::before(std::span<const std::int64_t> ids) { read(ids, true, before_); }

void Recorder::before_key(const std::vector<std::size_t>& columns, const void* object) {
  read(
      [&](Sql& sql) {
        bool first = true;
        for (const std::size_t column : columns) {
          if (!first) sql << " AND ";
          first = false;
          write_equals(sql, root, column_name_at(model_, column), model_.columns[column].get(object));
        }
      },
      true, before_);
}

void Recorder::after(std::span<const std::int64_t> ids) {
  Rows now;
  read(ids, false, now);
  write(now);
}

void Recorder::removed() {
  std::vector<std::int64_t> ids;
  for (const auto& [id, seen] : before_) ids.push_back(id);
  Rows left;
  read(ids, false, left);
  for (const auto& [id, seen] : left) before_.erase(id);
  write({});
  before_.clear();
}

void Recorder::write(const Rows& now) {
  std::vector<Change> changes;
  const Timestamp at = scope_.clock->now();
  const std::string actor = Actor::current();
  const auto add = [&](std::int64_t row, const Seen& seen, std::string_view action) -> Change& {
    Change& change = changes.emplace_back();
    change.at = at;
    change.actor = actor;
    change.action = action;
    change.table = model_.table.name;
    change.row = row;
    if (seen.site != 0) change.site = seen.site;
    if (seen.provider != 0) change.provider = seen.provider;
    return change;
  };
  const auto whole = [&](const Seen& seen) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (std::size_t i = 0; i < seen.values.size(); ++i) {
      json.key(model_.table.columns[i].name);
      json.raw(seen.values[i]);
    }
    json.end_object();
    return text;
  };
  for (const auto& [row, seen] : now) {
    const auto earlier = before_.find(row);
    if (earlier == before_.end()) {
      add(row, seen, "insert").after = whole(seen);
      continue;
    }
    for (std::size_t i = 0; i < seen.values.size(); ++i) {
      if (model_.columns[i].row_version || model_.columns[i].auto_now) continue;
      if (earlier->second.values[i] == seen.values[i]) continue;
      Change& change = add(row, seen, "update");
      change.field = model_.table.columns[i].name;
      change.before = earlier->second.values[i];
      change.after = seen.values[i];
    }
  }
  if (now.empty()) {
    for (const auto& [row, seen] : before_) add(row, seen, "delete").before = whole(seen);
  }
  if (changes.empty()) return;
  ScopeData everything = scope_;
  everything.kind = ScopeKind::system;
  insert_rows(everything, model_info<Change>(), {changes.data(), changes.size(), sizeof(Change)});
}

std::vector<Change> read_changes(const ScopeData& scope, const ModelInfo& model, Id row) {
  ScopeData everything = scope;
  everything.kind = ScopeKind::system;
  auto changes = Query<Change>(QueryCore(everything, model_info<Change>()))
                     .where(f<&Change::table> == model.table.name && f<&Change::row> == row.value)
                     .order_by(asc<&Change::id>);
  if (scope.kind == ScopeKind::system) return changes.all();
  if (scope.kind == ScopeKind::site && model.site != no_column) {
    return changes.where(f<&Change::site> == scope.site.value).all();
  }
  if (model.provider != no_column) {
    return changes.where(f<&Change::provider> == scope.provider.value).all();
  }
  // A provider's view of what belongs to its sites.
  std::vector<std::int64_t> sites;
  Sql sql(scope);
  const ModelInfo& site = model.site_model();
  sql << "SELECT ";
  sql.column(root, column_name_at(site, site.id)) << " FROM ";
  sql.name(site.table.name) << " ";
  sql.alias(root) << " WHERE TRUE";
  write_tenant_condition(sql, root, site, scope);
  scope.db->execute(std::move(sql).take(db::Access::read),
                    [&](const db::Row& found) { sites.push_back(found.integer(0)); });
  return changes.where(f<&Change::site>.in(sites)).all();
}

}  // namespace detail

}  // namespace mpf::orm
