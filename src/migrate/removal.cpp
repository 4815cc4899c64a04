#include "migrate/removal.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <mpf/base/hash.hpp>

#include "migrate/catalog.hpp"
#include "migrate/ledger.hpp"
#include "migrate/live_tables.hpp"
#include "migrate/squash.hpp"
#include "migrate/undoing.hpp"

namespace mpf::migrate {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// What the database has of a module.
struct Memory {
  std::vector<Migration> migrations;  ///< without those squashed into another one
  std::vector<std::string> lost;      ///< whose text it does not have
};

Memory remember(History& history, const History::Records& records, const std::string& module) {
  Memory result;
  std::set<MigrationId> replaced;
  std::set<MigrationId> known;
  for (const auto& [id, text] : history.texts(module)) {
    const auto record = records.find(id);
    if (record == records.end() || sha256(text) != record->second.checksum) continue;
    result.migrations.push_back(parse_migration(text, id.to_string() + " (as the database remembers it)"));
    const auto& replaces = result.migrations.back().replaces;
    replaced.insert(replaces.begin(), replaces.end());
    known.insert(id);
  }
  std::erase_if(result.migrations, [&](const Migration& each) { return replaced.contains(each.id); });
  for (const auto& [id, record] : records) {
    if (id.module == module && !known.contains(id) && !replaced.contains(id)) {
      result.lost.push_back(id.to_string());
    }
  }
  return result;
}

class RemovalPlanner {
 public:
  RemovalPlanner(db::Database& database, const Graph& live, const std::vector<ModuleModels>& modules,
                 const std::string& module)
      : database_(database), history_(database), live_(live), modules_(modules), module_(module) {}

  Removal plan() {
    if (std::ranges::none_of(records_, [&](const auto& each) { return each.first.module == module_; })) {
      fail(ErrorKind::not_found, "no migration of '" + module_ + "' is applied");
    }
    check_begun();
    auto memory = remember(history_, records_, module_);
    if (!memory.lost.empty()) fail_on_lost(module_, memory.lost);
    check_dependents();
    const auto graph = live_.with(with_needed(std::move(memory.migrations)));
    adopt_squashed(graph, records_);
    try {
      return plan(graph);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::configuration && e.kind() != ErrorKind::conflict) throw;
      fail(ErrorKind::conflict,
           "module '" + module_ + "' cannot be undone: " + std::string(e.what()) + "; " + by_hand());
    }
  }

 private:
  Removal plan(const Graph& graph) {
    State state;
    State rest;  // what is to be there afterwards
    Undoing undoing(module_, database_.dialect());
    Removal result;
    for (const auto& migration : graph.migrations()) {
      if (!records_.contains(migration.id)) continue;
      if (migration.id.module != module_) {
        replay(migration, state);
        replay(migration, rest);
        continue;
      }
      auto located = migration.operations.begin();
      replay(migration, state,
             [&](const Operation&, const State& before) { undoing.see(migration, *located++, before); });
      result.undone.insert(result.undone.begin(), migration.id);
    }
    check_references(undoing.tables(), state);
    check_others(undoing.others(), state);
    auto after = state;
    auto operations = undoing.operations(after);
    check_rest(after, rest);
    result.stays = undoing.stays();
    result.migration = std::make_unique<Migration>(in_one(*graph.find(result.undone.front())));
    result.work = prepare(*result.migration, std::move(operations), true, state, database_.dialect());
    return result;
  }

  /// The newest stands for all.
  Migration in_one(const Migration& newest) const {
    Migration result;
    result.id = newest.id;
    result.checksum = newest.checksum;
    result.source = "module '" + module_ + "', as the database remembers it";
    for (const auto& [id, record] : all_) {
      if (id.module == module_ && id != newest.id) result.replaces.push_back(id);
    }
    return result;
  }

  void check_begun() {
    for (const auto& [id, progress] : history_.read_progress()) {
      begun_ = id.module == module_ && progress.backward && records_.contains(id);
      if (!begun_) fail(ErrorKind::conflict, explain(live_, id, progress));
    }
  }

  [[noreturn]] void fail_on_lost(const std::string& module, const std::vector<std::string>& lost) {
    fail(ErrorKind::conflict,
         "module '" + module_ + "' cannot be undone: the database does not remember what the files of " +
             joined(lost) +
             " said, which an earlier release applied: run `migrate apply` once by a release that has the "
             "module '" +
             module + "', or " + by_hand());
  }

  std::string by_hand() {
    State state;
    for (const auto& migration : live_.migrations()) {
      if (records_.contains(migration.id)) replay(migration, state);
    }
    const auto unknown = unknown_tables(database_, state);
    return "take its tables away by hand" +
           (unknown.empty() ? std::string() : " (no module here has: " + joined(unknown) + ")") +
           " and run `migrate forget " + module_ + "`";
  }

  std::set<std::string> gone_modules() const {
    std::set<std::string> result;
    for (const auto& [id, record] : records_) {
      if (std::ranges::count(modules_, id.module, &ModuleModels::module) == 0) result.insert(id.module);
    }
    return result;
  }

  /// Of other modules that are gone: those that are here could not be read without this one.
  void check_dependents() {
    for (const auto& other : gone_modules()) {
      if (other == module_) continue;
      for (const auto& migration : remember(history_, records_, other).migrations) {
        const auto found = std::ranges::find(migration.depends, module_, &MigrationId::module);
        if (found == migration.depends.end()) continue;
        fail(ErrorKind::conflict, "module '" + module_ + "' cannot be undone: " + migration.id.to_string() +
                                      " depends on " + found->to_string() + ": run `migrate rollback " +
                                      other + "` first");
      }
    }
  }

  /// Also of modules that are gone as well, and which this one needs.
  std::vector<Migration> with_needed(std::vector<Migration> migrations) {
    std::set<MigrationId> known;
    std::set<std::string> read{module_};
    const auto note = [&](const Migration& each) {
      known.insert(each.id);
      known.insert(each.replaces.begin(), each.replaces.end());
    };
    std::ranges::for_each(migrations, note);
    for (std::size_t i = 0; i < migrations.size(); ++i) {
      const auto depends = migrations[i].depends;
      for (const auto& needed : depends) {
        if (live_.find(needed) || known.contains(needed)) continue;
        if (!read.insert(needed.module).second || !gone_modules().contains(needed.module)) {
          fail_on_lost(needed.module, {needed.to_string()});
        }
        auto memory = remember(history_, records_, needed.module);
        if (!memory.lost.empty()) fail_on_lost(needed.module, memory.lost);
        std::ranges::for_each(memory.migrations, note);
        std::ranges::move(memory.migrations, std::back_inserter(migrations));
        if (!known.contains(needed)) fail_on_lost(needed.module, {needed.to_string()});
      }
    }
    return migrations;
  }

  /// Those that no migration knows of.
  void check_references(const std::vector<std::string>& tables, const State& state) {
    for (const auto& table : tables) {
      const auto known = state.referrers(table);
      for (const auto& other : referring_tables(database_, table)) {
        if (other == table || std::ranges::count(known, other) > 0) continue;
        fail(ErrorKind::conflict, "table '" + other + "', which stays, refers to '" + table +
                                      "': drop that reference or the table first");
      }
    }
  }

  /// Before anything is undone: migrations of several modules do not say in which order they changed a table.
  void check_others(const std::set<std::string>& tables, const State& state) {
    if (begun_ || tables.empty()) return;
    for (const auto& line : compare_catalog(database_, state)) {
      // What drops an index leaves it half dropped when it is killed, before anything is recorded.
      const bool index = line.find(": index ") != std::string::npos;
      for (const auto& table : tables) {
        if (!index && line.starts_with("table " + table + " ")) fail(ErrorKind::conflict, line);
      }
    }
  }

  static void check_rest(const State& after, const State& rest) {
    std::set<std::string> names;
    for (const auto* state : {&after, &rest}) {
      for (const auto& [name, entry] : state->tables()) names.insert(name);
    }
    std::vector<std::string> others;
    for (const auto& name : names) {
      const bool same =
          after.find(name) && rest.find(name) && equivalent(after.entry(name), rest.entry(name));
      if (!same) others.push_back(name);
    }
    if (others.empty()) return;
    fail(ErrorKind::conflict, "what it changed of others' tables was changed again since, and " +
                                  joined(others) + " would not be as their own migrations say");
  }

  db::Database& database_;
  History history_;
  const Graph& live_;
  const std::vector<ModuleModels>& modules_;
  const std::string module_;
  bool begun_ = false;  ///< the way back
  const History::Records all_ = history_.read();
  History::Records records_ = all_;  ///< without what was squashed
};

}  // namespace

Removal prepare_removal(db::Database& database, const Graph& live, const std::vector<ModuleModels>& modules,
                        const std::string& module) {
  return RemovalPlanner(database, live, modules, module).plan();
}

}  // namespace mpf::migrate
