#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <mpf/db/database.hpp>

#include "migrate/migration.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// The operations that undo a module as a whole, as of the tables that are there now: its own are dropped,
/// and what it did to those of others is taken back.
class Undoing {
 public:
  Undoing(std::string module, db::Dialect dialect);

  /// Of the module's migrations, forward, one operation after the other.
  void see(const Migration& migration, const LocatedOperation& located, const State& before);

  /// The way back, on top of the tables as they are; moves the state on. Error(conflict) where something that
  /// stays is in the way.
  std::vector<LocatedOperation> operations(State& state) const;

  /// The module's own.
  std::vector<std::string> tables() const;
  /// Those of others that the way back changes.
  const std::set<std::string>& others() const noexcept { return others_; }
  /// Steps that nothing undoes, but for those on rows of the module's own tables: "…:7: call rebuild_slugs".
  const std::vector<std::string>& stays() const noexcept { return stays_; }

 private:
  /// One operation of the files.
  struct Step {
    std::optional<Operation> undo;    ///< or
    std::optional<std::size_t> made;  ///< the number of the table that it made
    int line = 0;
    std::string source;
  };

  bool is_own(const std::string& table) const { return own_.contains(table); }
  bool is_about_own(const std::optional<std::vector<std::string>>& touches) const;
  bool changes_only_own_rows(const std::optional<std::string>& sql) const;
  std::optional<Operation> way_back(const Migration& migration, const LocatedOperation& located,
                                    const State& before);
  std::vector<Operation> let_go_of(const std::string& table, const State& state) const;

  const std::string module_;
  const db::Dialect dialect_;
  std::map<std::string, std::size_t> own_;  ///< tables that the module made, and that are there
  std::size_t births_ = 0;
  std::vector<Step> steps_;
  std::set<std::string> others_;
  std::vector<std::string> stays_;
};

}  // namespace mpf::migrate
