#include "migrate/pending.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <mpf/base/text.hpp>

namespace mpf::migrate {
namespace {

std::string meant(std::string_view word, const std::vector<std::string_view>& known) {
  const auto near = nearest_word(word, known);
  return near ? "; did you mean '" + std::string(*near) + "'?" : std::string();
}

bool passes(Borders borders, db::Dialect dialect) {
  return borders == Borders::pass || (borders == Borders::by_database && dialect == db::Dialect::sqlite);
}

}  // namespace

void require_module(const std::vector<ModuleModels>& modules, std::string_view module) {
  std::vector<std::string_view> known;
  for (const auto& each : modules) known.emplace_back(each.module);
  if (std::ranges::find(known, module) != known.end()) return;
  fail(ErrorKind::not_found, "there is no module '" + std::string(module) + "'" + meant(module, known));
}

const Migration& find_one(const Graph& graph, const std::vector<ModuleModels>& modules,
                          std::string_view module, std::string_view name) {
  require_module(modules, module);
  std::vector<const Migration*> matches;
  std::vector<std::string_view> known;
  for (const auto& migration : graph.migrations()) {
    if (migration.id.module != module) continue;
    known.emplace_back(migration.id.name);
    if (migration.id.name == name) return migration;
    if (migration.id.name.starts_with(name)) matches.push_back(&migration);
  }
  const auto asked = std::string(module) + "/" + std::string(name);
  if (matches.empty()) {
    fail(ErrorKind::not_found, "there is no migration " + asked + meant(name, known));
  }
  if (matches.size() > 1) {
    fail(ErrorKind::invalid,
         asked + " may be " + matches[0]->id.name + " or " + matches[1]->id.name + "; say more of it");
  }
  return *matches.front();
}

MigrationId find_applied(const Graph& graph, const std::function<bool(const MigrationId&)>& is_there,
                         const std::vector<ModuleModels>& modules, std::string_view module,
                         std::string_view name) {
  require_module(modules, module);
  std::vector<MigrationId> matches;
  for (const auto& migration : graph.migrations()) {
    if (migration.id.module != module || !is_there(migration.id)) continue;
    if (migration.id.name == name) return migration.id;
    if (migration.id.name.starts_with(name)) matches.push_back(migration.id);
  }
  const auto asked = std::string(module) + "/" + std::string(name);
  if (matches.empty()) {
    fail(ErrorKind::not_found, name.empty() ? "no migration of '" + std::string(module) + "' is applied"
                                            : "no applied migration is called " + asked);
  }
  if (!name.empty() && matches.size() > 1) {
    fail(ErrorKind::invalid,
         asked + " may be " + matches[0].name + " or " + matches[1].name + "; say more of it");
  }
  return matches.back();
}

Pending find_pending(const Graph& graph, const History::Records& records,
                     const std::vector<ModuleModels>& modules, db::Dialect dialect,
                     const ApplyOptions& options) {
  std::set<MigrationId> wanted;
  if (!options.module.empty()) {
    require_module(modules, options.module);
    const auto add = [&](const MigrationId& id) {
      for (auto& each : graph.with_needed(id)) wanted.insert(std::move(each));
    };
    if (!options.name.empty()) add(find_one(graph, modules, options.module, options.name).id);
    if (options.name.empty()) {
      for (const auto& id : graph.leaves(options.module)) add(id);
    }
  }
  std::set<std::string> known;  // modules that an older release may be using
  for (const auto& [id, record] : records) known.insert(id.module);
  const bool pass = passes(options.borders, dialect);
  Pending result;
  std::set<MigrationId> held;
  for (const auto& migration : graph.migrations()) {
    if (records.contains(migration.id)) continue;
    if (!options.module.empty() && !wanted.contains(migration.id)) continue;
    const bool waits =
        !pass && ((migration.border && known.contains(migration.id.module)) ||
                  std::ranges::any_of(migration.depends, [&](const auto& id) { return held.contains(id); }));
    if (waits) held.insert(migration.id);
    (waits ? result.held : result.due).push_back(&migration);
  }
  std::set<MigrationId> needed;
  for (const auto* migration : result.held) {
    if (migration->border) continue;
    for (auto& id : graph.with_needed(migration->id)) needed.insert(std::move(id));
  }
  std::ranges::copy_if(result.held, std::back_inserter(result.needed),
                       [&](const Migration* each) { return needed.contains(each->id); });
  return result;
}

}  // namespace mpf::migrate
