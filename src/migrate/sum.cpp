#include "migrate/sum.hpp"

#include <algorithm>
#include <sstream>

#include <mpf/base/hash.hpp>

#include "migrate/graph.hpp"

namespace mpf::migrate {
namespace {

constexpr std::string_view head =
    "# Each line's hash covers the file and the line above. After a merge keep the lines of both sides and "
    "run "
    "`migrate sum`.\n";

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

void check_sum(const Graph& graph, const std::string& module, const Graph::Sum& sum) {
  const auto wanted = lines_of(sum_of(of_module(graph, module)));
  const auto found = lines_of(sum.text);
  for (std::size_t i = 1; i < std::max(wanted.size(), found.size()); ++i) {
    if (i < wanted.size() && i < found.size() && wanted[i] == found[i]) continue;
    const auto mend = "; if that is meant, run `migrate sum " + module + "`";
    const int line = static_cast<int>(i) + 1;
    if (i < found.size() && found[i].starts_with("<<<<<<<")) {
      fail_at(
          sum.source, line,
          "two branches added migrations: keep the lines of both sides and run `migrate sum " + module + "`");
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

}  // namespace mpf::migrate
