#include "migrate/declared.hpp"

#include <map>
#include <set>
#include <string>

#include <mpf/base/text.hpp>

namespace mpf::migrate {
namespace {

/// Names and what has them, by what SQLite takes them for.
class Names {
 public:
  void add(const std::string& what, const std::string& name, const std::string& owner) {
    const auto [found, added] = known_.emplace(to_lower_ascii(name), Known{name, owner});
    if (added) return;
    const auto& first = found->second;
    if (first.name == name) {
      const auto owners = first.owner == owner ? owner : first.owner + " and " + owner;
      fail(ErrorKind::configuration, "the " + what + " '" + name + "' is declared twice, by " + owners);
    }
    fail(ErrorKind::configuration,
         "the " + what + " '" + name + "' of " + owner + " differs from '" + first.name + "' of " +
             first.owner + " in case only, and SQLite takes both for the same: rename one of them");
  }

 private:
  struct Known {
    std::string name;
    std::string owner;
  };
  std::map<std::string, Known> known_;
};

}  // namespace

void check_declared_once(const std::vector<ModuleModels>& modules) {
  std::set<std::string> seen;
  Names tables;
  Names indexes;
  for (const auto& module : modules) {
    if (!seen.insert(module.module).second) {
      fail(ErrorKind::configuration, "the module '" + module.module + "' brings its migrations twice");
    }
    for (const auto& table : module.tables) {
      tables.add("table", table.name, "module '" + module.module + "'");
      Names columns;
      for (const auto& column : table.columns)
        columns.add("column", column.name, "table '" + table.name + "'");
      for (const auto& index : table.indexes) indexes.add("index", index.name, "table '" + table.name + "'");
    }
  }
}

}  // namespace mpf::migrate
