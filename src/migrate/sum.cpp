#include "migrate/sum.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <mpf/base/hash.hpp>

namespace mpf::migrate {
namespace {

constexpr std::string_view head =
    "# Each line's hash covers the file and the line above. After a merge of branches run `migrate "
    "merge`.\n";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string name_in(const std::string& line) { return line.substr(0, line.find(' ')); }

/// Without it nobody would notice what is done to the files.
void check_there(const std::string& module, const Graph::Sum& sum) {
  if (sum.there) return;
  fail(ErrorKind::configuration, sum.source + " is gone: bring it back; or, if the migrations of module '" +
                                     module + "' are as they should be, run `migrate sum " + module + "`");
}

void check_sum(const Graph& graph, const std::string& module, const Graph::Sum& sum) {
  check_there(module, sum);
  const auto wanted = lines_of(sum_of(of_module(graph, module)));
  const auto found = lines_of(sum.text);
  for (std::size_t i = 1; i < std::max(wanted.size(), found.size()); ++i) {
    if (i < wanted.size() && i < found.size() && wanted[i] == found[i]) continue;
    const auto mend = "; if that is meant, run `migrate sum " + module + "`" +
                      (sum.built_in ? " where the module's sources are, and build it anew" : "");
    const int line = static_cast<int>(i) + 1;
    if (i < found.size() && name_in(found[i]).empty()) {
      fail_at(sum.source, line, "the line does not begin with the name of a file" + mend);
    }
    if (i < found.size() && found[i].starts_with("<<<<<<<")) {
      fail_at(sum.source, line, "two branches added migrations: run `migrate merge`");
    }
    const auto has = [](const std::vector<std::string>& lines, const std::string& name) {
      return std::ranges::any_of(lines, [&](const std::string& each) { return name_in(each) == name; });
    };
    if (i < found.size() && !has(wanted, name_in(found[i]))) {
      fail_at(sum.source, line, name_in(found[i]) + " is gone: bring the file back" + mend);
    }
    const auto name = name_in(i < wanted.size() ? wanted[i] : found[i]);
    if (!has(found, name)) {
      fail_at(sum.source, line, name + " was added, by a merge or by hand" + mend);
    }
    fail_at(sum.source, line, name + " was edited, or its line was: bring the file back as it was" + mend);
  }
}

}  // namespace

std::string sum_of(std::vector<const Migration*> migrations) {
  std::ranges::sort(migrations, {}, [](const Migration* each) { return each->id.name; });
  std::string text(head);
  std::string above;
  for (const auto* each : migrations) {
    above = sha256(above + each->id.name + each->checksum);
    text += each->id.name + ".yaml " + above + "\n";
  }
  return text;
}

std::vector<const Migration*> of_module(const Graph& graph, std::string_view module) {
  std::vector<const Migration*> result;
  for (const auto& migration : graph.migrations()) {
    if (migration.id.module == module) result.push_back(&migration);
  }
  return result;
}

void check_sums(const Graph& graph) {
  for (const auto& [module, sum] : graph.sums()) check_sum(graph, module, sum);
}

bool fits(const Graph& graph, const std::string& module, const Graph::Sum& sum) {
  auto wanted = lines_of(sum_of(of_module(graph, module)));
  auto found = lines_of(sum.text);
  if (!found.empty()) found[0] = wanted[0];
  return wanted == found;
}

void check_merged(const Graph& graph, const std::string& module, const Graph::Sum& sum) {
  check_there(module, sum);
  struct Line {
    std::string hash;
    int number;
  };
  std::map<std::string, Line> lines;  // by name
  std::set<std::string> above{""};
  const auto all = lines_of(sum.text);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& line = all[i];
    const auto space = line.find(".yaml ");
    if (line.starts_with('#') || space == std::string::npos) continue;
    const auto hash = line.substr(space + 6);
    above.insert(hash);
    lines.insert_or_assign(line.substr(0, space), Line{hash, static_cast<int>(i) + 1});
  }
  const auto migrations = of_module(graph, module);
  for (const auto* each : migrations) {
    const auto found = lines.find(each->id.name);
    if (found == lines.end()) {
      fail_at(sum.source, 1,
              each->id.name +
                  ".yaml has no line here: keep the lines of both sides; or accept the file as it "
                  "is by `migrate sum " +
                  module + "`");
    }
    // Each line covers one above it: whose branch that was is no matter.
    const bool known = std::ranges::any_of(above, [&](const std::string& hash) {
      return sha256(hash + each->id.name + each->checksum) == found->second.hash;
    });
    if (known) continue;
    fail_at(sum.source, found->second.number,
            each->id.name +
                ".yaml was edited: bring it back as it was; or, if that is meant, run `migrate sum " +
                module + "`");
  }
  for (const auto& [name, line] : lines) {
    const bool there =
        std::ranges::any_of(migrations, [&](const auto* each) { return each->id.name == name; });
    if (!there)
      fail_at(sum.source, line.number,
              name + ".yaml is gone: bring the file back, or run `migrate sum " + module + "`");
  }
}

}  // namespace mpf::migrate
