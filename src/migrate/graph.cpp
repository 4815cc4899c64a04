#include "migrate/graph.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <queue>
#include <set>
#include <system_error>

#include <mpf/base/file.hpp>

#include "migrate/sum.hpp"

namespace mpf::migrate {
namespace {

constexpr std::string_view extension = ".yaml";

struct File {
  std::string name;
  std::string text;
  std::string source;
};

bool has_folder(const ModuleModels& module) {
  std::error_code error;
  return !module.source_folder.empty() && std::filesystem::is_directory(module.source_folder, error);
}

/// Whether it is a migration. One that only looks so would never be applied, and nobody would know why.
bool is_migration(const std::string& name, const std::string& source) {
  if (name.starts_with('.')) return false;  // editors leave hidden files behind
  if (name.ends_with(extension)) return true;
  auto ending = std::filesystem::path(name).extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (ending != ".yml" && ending != extension) return false;
  fail_at(source, 1,
          "names of migrations end in '.yaml': rename the file to " +
              std::filesystem::path(name).stem().string() + ".yaml, or move it elsewhere");
}

std::vector<File> files_of(const ModuleModels& module) {
  std::vector<File> files;
  if (has_folder(module)) {
    for (const auto& entry : std::filesystem::directory_iterator(module.source_folder)) {
      const auto name = entry.path().filename().string();
      const auto source = entry.path().string();
      if (!entry.is_directory() && is_migration(name, source))
        files.push_back({name, read_file(entry.path()), source});
    }
  } else if (module.migrations) {
    for (const auto& file : module.migrations->files()) {
      const auto source = module.module + " (built in): " + std::string(file.path);
      if (is_migration(std::string(file.path), source)) {
        files.push_back({std::string(file.path), std::string(file.content), source});
      }
    }
  }
  std::ranges::sort(files, {}, &File::name);
  return files;
}

Migration read(const ModuleModels& module, const File& file, KnownFiles* known) {
  auto migration = known ? known->parse(file.text, file.source) : parse_migration(file.text, file.source);
  const auto stem = file.name.substr(0, file.name.size() - extension.size());
  if (migration.id.name != stem) {
    fail_at(file.source, 1,
            "the migration's name is '" + migration.id.name + "' and its file's '" + stem +
                "'; make them the same");
  }
  if (migration.id.module != module.module) {
    fail_at(file.source, 1,
            "the migration is of module '" + migration.id.module + "' and lies with '" + module.module +
                "'; move the file or mend 'module'");
  }
  return migration;
}

/// Of a module with migrations; nothing for those built in without one.
std::optional<Graph::Sum> sum_of(const ModuleModels& module) {
  if (has_folder(module)) {
    const auto file = module.source_folder / sum_file;
    std::error_code error;
    const bool there = std::filesystem::is_regular_file(file, error);
    return Graph::Sum{there ? read_file(file) : std::string(), file.string(), there, false};
  }
  if (!module.migrations) return std::nullopt;
  const auto text = module.migrations->find(sum_file);
  if (!text) return std::nullopt;
  return Graph::Sum{std::string(*text), module.module + " (built in): " + std::string(sum_file), true, true};
}

}  // namespace

bool has_folders(const std::vector<ModuleModels>& modules) {
  return std::ranges::any_of(modules, has_folder);
}

const Migration& KnownFiles::parse(const std::string& text, const std::string& source) {
  auto& entry = entries_[source];
  if (entry.text.empty() || entry.text != text) {
    entry.text.clear();
    entry.migration = parse_migration(text, source);
    entry.text = text;
  }
  return entry.migration;
}

Graph::Graph(const std::vector<ModuleModels>& modules, KnownFiles* known) {
  for (const auto& module : modules) {
    const auto files = files_of(module);
    for (const auto& file : files) migrations_.push_back(read(module, file, known));
    auto sum = sum_of(module);
    if (!sum || (files.empty() && !sum->there)) continue;
    sums_[module.module] = std::move(*sum);
  }
  arrange();
}

Graph Graph::with(std::vector<Migration> more) const {
  auto result = *this;
  std::ranges::move(more, std::back_inserter(result.migrations_));
  result.arrange();
  return result;
}

void Graph::arrange() {
  std::ranges::sort(migrations_, {}, &Migration::id);
  index();
  for (auto& migration : migrations_) {
    for (auto& needed : migration.depends) {
      if (const auto* found = find(needed)) needed = found->id;
    }
  }
  sort();
}

void Graph::index() {
  for (std::size_t i = 0; i < migrations_.size(); ++i) index_[migrations_[i].id] = i;
  for (std::size_t i = 0; i < migrations_.size(); ++i) {
    for (const auto& replaced : migrations_[i].replaces) index_[replaced] = i;
  }
  for (const auto& migration : migrations_) {
    const auto& found = migrations_[index_.at(migration.id)];
    if (found.id == migration.id) continue;
    fail_at(
        migration.source, 1,
        "was squashed into " + found.id.to_string() + " (" + found.source +
            "), and both are there: delete this file, or, to take the squash back, the other one, and run "
            "`migrate sum " +
            migration.id.module + "`");
  }
}

void Graph::sort() {
  std::vector<std::vector<std::size_t>> followers(migrations_.size());
  std::vector<std::size_t> waits_for(migrations_.size());
  for (std::size_t i = 0; i < migrations_.size(); ++i) {
    const auto& depends = migrations_[i].depends;
    for (std::size_t d = 0; d < depends.size(); ++d) {
      const auto& id = depends[d];
      const auto found = index_.find(id);
      if (found == index_.end()) {
        fail_at(migrations_[i].source, migrations_[i].depends_lines[d],
                "depends on " + id.to_string() +
                    ", which is not there; bring the file or its module back, or mend "
                    "'depends'");
      }
      followers[found->second].push_back(i);
      ++waits_for[i];
    }
  }
  // Always the first by module and name of those that may come next: the order depends on nothing else.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < waits_for.size(); ++i) {
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<Migration> sorted;
  sorted.reserve(migrations_.size());
  while (!ready.empty()) {
    const auto next = ready.top();
    ready.pop();
    for (const auto follower : followers[next]) {
      if (--waits_for[follower] == 0) ready.push(follower);
    }
    sorted.push_back(migrations_[next]);
  }
  if (sorted.size() != migrations_.size()) {
    std::string circle;
    std::string source;
    for (std::size_t i = 0; i < migrations_.size(); ++i) {
      if (waits_for[i] == 0) continue;
      if (source.empty()) source = migrations_[i].source;
      circle += (circle.empty() ? "" : ", ") + migrations_[i].id.to_string();
    }
    fail_at(source, 1, "these migrations wait for each other: " + circle + "; take one out of a 'depends'");
  }
  migrations_ = std::move(sorted);
  index();
}

const Migration* Graph::find(const MigrationId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &migrations_[found->second];
}

std::vector<MigrationId> Graph::leaves(const std::string& module) const {
  std::set<MigrationId> result;
  for (const auto& migration : migrations_) {
    if (migration.id.module == module) result.insert(migration.id);
  }
  for (const auto& migration : migrations_) {
    if (migration.id.module != module) continue;
    for (const auto& id : migration.depends) result.erase(id);
  }
  return {result.begin(), result.end()};
}

std::vector<MigrationId> Graph::with_needed(const MigrationId& id) const {
  std::set<MigrationId> chosen;
  std::vector<MigrationId> open{id};
  while (!open.empty()) {
    const auto next = open.back();
    open.pop_back();
    if (!chosen.insert(next).second) continue;
    if (const auto* migration = find(next)) {
      open.insert(open.end(), migration->depends.begin(), migration->depends.end());
    }
  }
  std::vector<MigrationId> result;
  for (const auto& migration : migrations_) {
    if (chosen.contains(migration.id)) result.push_back(migration.id);
  }
  return result;
}

std::vector<MigrationId> Graph::with_dependents(const std::vector<MigrationId>& ids) const {
  std::set<MigrationId> chosen(ids.begin(), ids.end());
  for (const auto& migration : migrations_) {
    const bool depends =
        std::ranges::any_of(migration.depends, [&](const MigrationId& id) { return chosen.contains(id); });
    if (depends) chosen.insert(migration.id);
  }
  std::vector<MigrationId> result;
  for (const auto& migration : migrations_) {
    if (chosen.contains(migration.id)) result.push_back(migration.id);
  }
  return result;
}

void replay(const Migration& migration, State& state,
            const std::function<void(const Operation&, const State& before)>& each) {
  for (const auto& located : migration.operations) {
    try {
      if (each) each(located.operation, state);
      state.apply(located.operation, migration.id.module);
    } catch (const StateError& e) {
      fail_at(migration.source, located.line,
              std::string("cannot ") + describe(located.operation) + ": " + e.what());
    }
  }
}

State replay(std::span<const Migration> migrations) {
  State state;
  for (const auto& migration : migrations) replay(migration, state);
  return state;
}

}  // namespace mpf::migrate
