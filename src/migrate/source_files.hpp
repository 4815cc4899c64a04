#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "migrate/diff.hpp"

namespace mpf::migrate {

/// The migrations of modules as files in their source folders, to be written.
class SourceFiles {
 public:
  explicit SourceFiles(const std::vector<ModuleModels>& modules) : modules_(modules) {}

  /// What the new migrations look like, `state` being that before them; with the reason, if there is one,
  /// beside each unsafe operation.
  std::vector<MadeMigration> to_made(std::vector<NewMigration> migrations, State& state,
                                     const std::string& reason) const;

  /// Writes all or none, with their sum files; `known` are those that are there.
  void write(const Graph& known, const std::vector<MadeMigration>& migrations) const;

  MadeMigration squash(std::string_view module, std::string_view from, std::string_view to,
                       const SquashOptions& options) const;

  /// Migrator::merge().
  std::vector<std::filesystem::path> merge() const;

  /// Migrator::sum().
  std::vector<std::filesystem::path> sum(std::string_view module) const;

 private:
  const std::filesystem::path& folder_of(const std::string& name) const;
  std::filesystem::path write_sum(const std::string& module) const;

  const std::vector<ModuleModels>& modules_;
};

}  // namespace mpf::migrate
