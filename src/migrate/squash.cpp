#include "migrate/squash.hpp"

#include <algorithm>
#include <set>

#include "migrate/pending.hpp"

namespace mpf::migrate {
namespace {

constexpr std::string_view squashed_word = "_squashed_";

/// What stands for others, which are said as well: nobody need ever have applied it.
bool is_squashed(const MigrationId& id) { return id.name.find(squashed_word) != std::string::npos; }

/// What only changes tables, and loses no rows when all of it is done at once.
bool is_plain(const LocatedOperation& located) {
  const auto& op = located.operation;
  return !std::holds_alternative<RunSql>(op) && !std::holds_alternative<Backfill>(op) &&
         !std::holds_alternative<CallFunction>(op) && !std::holds_alternative<MoveTable>(op);
}

/// The tables as they are in the end, each after those that it refers to; nothing when they do so in a
/// circle.
std::vector<LocatedOperation> create_all(const State& state, const std::string& module) {
  std::vector<LocatedOperation> result;
  std::set<std::string> left;
  for (const auto& [name, entry] : state.tables()) {
    if (entry.module == module) left.insert(name);
  }
  while (!left.empty()) {
    const auto next = std::ranges::find_if(left, [&](const std::string& name) {
      return std::ranges::none_of(state.table(name).columns, [&](const orm::Column& column) {
        return column.references && column.references->table != name &&
               left.contains(column.references->table);
      });
    });
    if (next == left.end()) return {};
    result.push_back({CreateTable{state.table(*next)}});
    left.erase(next);
  }
  return result;
}

/// Whether columns are there twice in the end, or nulls filled: only the operation that made them so says it.
bool is_between_releases(const State& state, const std::string& module) {
  return std::ranges::any_of(state.tables(), [&](const auto& each) {
    return each.second.module == module && !(each.second.twins.empty() && each.second.filled.empty());
  });
}

void check_between(const Graph& graph, const std::set<MigrationId>& ids) {
  for (const auto& other : graph.with_dependents({ids.begin(), ids.end()})) {
    if (ids.contains(other)) continue;
    for (const auto& id : ids) {
      const auto needed = graph.with_needed(id);
      if (std::ranges::find(needed, other) == needed.end()) continue;
      fail(ErrorKind::conflict,
           id.to_string() + " depends on " + other.to_string() +
               ", which depends on another one of those to be squashed; squash up to it, "
               "and from it on");
    }
  }
}

}  // namespace

MigrationText squash(const Graph& graph, const std::vector<ModuleModels>& modules, const std::string& module,
                     std::string_view from, std::string_view to, bool past_border) {
  const auto& first = find_one(graph, modules, module, from);
  const auto& last = find_one(graph, modules, module, to);
  std::set<MigrationId> ids;
  for (const auto& migration : graph.migrations()) {
    const auto& id = migration.id;
    if (id.module == module && id.name >= first.id.name && id.name <= last.id.name) ids.insert(id);
  }
  if (ids.size() < 2)
    fail(ErrorKind::invalid, "there is nothing to squash from " + first.id.name + " to " + last.id.name);
  check_between(graph, ids);

  MigrationText result;
  result.id = {module, first.id.name.substr(0, first.id.name.find('_')) + std::string(squashed_word) +
                           last.id.name.substr(0, last.id.name.find('_'))};
  std::set<MigrationId> depends;
  State state;
  bool plain = true;
  bool from_nothing = true;
  std::size_t seen = 0;
  for (const auto& migration : graph.migrations()) {
    if (seen < ids.size()) {
      const bool own = migration.id.module == module && !ids.contains(migration.id);
      from_nothing = from_nothing && !own;
      replay(migration, state);
    }
    if (!ids.contains(migration.id)) continue;
    if (migration.border && seen > 0 && !past_border) {
      fail(ErrorKind::conflict,
           migration.id.to_string() +
               " waits behind a release border: a database that stands before it could not go on once it is "
               "squashed; squash up to it, or, if every database has passed it, say so by `--past-border`");
    }
    ++seen;
    for (const auto& id : migration.depends) {
      if (!ids.contains(id)) depends.insert(id);
    }
    result.border = result.border || migration.border;
    plain = plain && std::ranges::all_of(migration.operations, is_plain);
    result.operations.insert(result.operations.end(), migration.operations.begin(),
                             migration.operations.end());
    result.replaces.insert(result.replaces.end(), migration.replaces.begin(), migration.replaces.end());
    result.replaces.push_back(migration.id);
  }
  result.depends.assign(depends.begin(), depends.end());
  if (plain && from_nothing && !is_between_releases(state, module)) {
    if (auto tables = create_all(state, module); !tables.empty()) {
      result.operations = std::move(tables);
      result.border = false;
    }
  }
  return result;
}

std::vector<const Migration*> adopt_squashed(const Graph& graph, History::Records& records,
                                             std::string* problems) {
  std::vector<const Migration*> result;
  for (const auto& migration : graph.migrations()) {
    if (migration.replaces.empty()) continue;
    std::size_t applied = 0;
    std::size_t missing = 0;
    Timestamp last{};
    for (const auto& id : migration.replaces) {
      const auto found = records.find(id);
      if (found != records.end()) {
        ++applied;
        last = std::max(last, found->second.applied_at);
      } else if (!is_squashed(id)) {
        ++missing;
      }
    }
    const bool known = records.contains(migration.id);
    if (!known && applied == 0) continue;
    if (!known && missing > 0) {
      const auto problem = "only some of what was squashed into " + migration.id.to_string() +
                           " are applied: deploy the version before it was squashed and run `migrate apply` "
                           "there first (`--past-border` where something waits)";
      if (!problems) fail(ErrorKind::conflict, problem);
      *problems += (problems->empty() ? "" : "\n") + problem;
      continue;
    }
    for (const auto& id : migration.replaces) records.erase(id);
    if (known) continue;
    records[migration.id] = {migration.checksum, last};
    result.push_back(&migration);
  }
  return result;
}

}  // namespace mpf::migrate
