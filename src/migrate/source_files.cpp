#include "migrate/source_files.hpp"

#include <algorithm>
#include <map>
#include <system_error>

#include <mpf/base/file.hpp>

#include "migrate/lint.hpp"
#include "migrate/pending.hpp"
#include "migrate/squash.hpp"
#include "migrate/sum.hpp"

namespace mpf::migrate {

const std::filesystem::path& SourceFiles::folder_of(const std::string& name) const {
  const auto module = std::ranges::find(modules_, name, &ModuleModels::module);
  if (module == modules_.end()) require_module(modules_, name);
  std::error_code error;
  const bool embedded = module->migrations && !module->migrations->files().empty();
  if (module->source_folder.empty() ||
      (embedded && !std::filesystem::is_directory(module->source_folder, error))) {
    fail(ErrorKind::configuration,
         "the models of module '" + name + "' have changed and its migrations cannot be written: " +
             (module->source_folder.empty() ? "it has no source folder"
                                            : "there is no folder " + module->source_folder.string()) +
             "; run this where the module's sources are");
  }
  return module->source_folder;
}

std::vector<MadeMigration> SourceFiles::to_made(std::vector<NewMigration> migrations, State& state,
                                                const std::string& reason) const {
  std::vector<MadeMigration> result;
  for (auto& each : migrations) {
    MadeMigration made{each.id, folder_of(each.id.module) / (each.id.name + ".yaml"), {}, {}, {}};
    Migration migration;
    migration.id = each.id;
    migration.border = made.border = each.border;
    int number = 0;
    for (auto& operation : each.operations) {
      made.operations.push_back(describe(operation));
      if (loses_data(operation)) made.losses.push_back(made.operations.back());
      migration.operations.push_back({std::move(operation), number++, {}});
    }
    for (const auto& finding : migrate::lint(migration, state)) {
      if (!finding.refused) continue;
      migration.operations[static_cast<std::size_t>(finding.line)].reason = reason;
      if (reason.empty())
        made.unsafe.push_back(finding.operation + ": " + finding.message + "; safe: " + finding.safe);
    }
    made.content = write_migration({each.id, each.depends, std::move(migration.operations), {}, each.border});
    result.push_back(std::move(made));
  }
  return result;
}

std::filesystem::path SourceFiles::write_sum(const std::string& module) const {
  const Graph graph(modules_);
  const auto file = folder_of(module) / sum_file;
  write_file_atomic(file, sum_of(of_module(graph, module)));
  return file;
}

void SourceFiles::write(const Graph& known, const std::vector<MadeMigration>& migrations) const {
  std::size_t written = 0;
  try {
    for (; written < migrations.size(); ++written) {
      const auto& file = migrations[written].file;
      std::error_code error;
      std::filesystem::create_directories(file.parent_path(), error);
      if (error) {
        fail(ErrorKind::unavailable,
             "cannot make the folder " + file.parent_path().string() + ": " + error.message());
      }
      write_file_atomic(file, migrations[written].content);
    }
    std::map<std::string, std::vector<Migration>> fresh;
    for (const auto& each : migrations) {
      fresh[each.id.module].push_back(parse_migration(each.content, each.file.string()));
    }
    for (const auto& [module, added] : fresh) {
      auto all = of_module(known, module);
      for (const auto& each : added) all.push_back(&each);
      write_file_atomic(folder_of(module) / sum_file, sum_of(std::move(all)));
    }
  } catch (...) {
    std::error_code ignored;
    while (written > 0) std::filesystem::remove(migrations[--written].file, ignored);
    throw;
  }
}

MadeMigration SourceFiles::squash(std::string_view module, std::string_view from, std::string_view to,
                                  const SquashOptions& options) const {
  const Graph graph(modules_);
  check_sums(graph);
  const auto text = migrate::squash(graph, modules_, std::string(module), from, to, options.past_border);
  const auto& folder = folder_of(text.id.module);
  MadeMigration made{text.id, folder / (text.id.name + ".yaml"), write_migration(text), {}, {}};
  for (const auto& each : text.operations) made.operations.push_back(describe(each.operation));
  if (options.dry_run) return made;
  write_file_atomic(made.file, made.content);
  for (const auto* old : of_module(graph, module)) {
    const bool gone =
        old->id != text.id &&
        (std::ranges::count(text.replaces, old->id) > 0 ||
         (!old->replaces.empty() && std::ranges::count(text.replaces, old->replaces.front()) > 0));
    if (gone) std::filesystem::remove(folder / (old->id.name + ".yaml"));
  }
  write_sum(text.id.module);
  return made;
}

std::vector<std::filesystem::path> SourceFiles::sum(std::string_view module) const {
  std::vector<std::filesystem::path> result;
  if (!module.empty()) require_module(modules_, module);
  for (const auto& each : modules_) {
    std::error_code error;
    if (!module.empty() && each.module != module) continue;
    if (each.source_folder.empty() || !std::filesystem::is_directory(each.source_folder, error)) continue;
    result.push_back(write_sum(each.module));
  }
  return result;
}

std::vector<std::filesystem::path> SourceFiles::merge() const {
  const Graph graph(modules_);
  std::vector<std::string> merged;
  for (const auto& [module, sum] : graph.sums()) {
    if (sum.built_in || fits(graph, module, sum)) continue;
    check_merged(graph, module, sum);
    merged.push_back(module);
  }
  check_branches(graph);
  std::vector<std::filesystem::path> result;
  for (const auto& module : merged) result.push_back(write_sum(module));
  return result;
}

}  // namespace mpf::migrate
