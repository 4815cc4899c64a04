#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <utility>

#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>

#include "migrate/yaml_reader.hpp"

namespace mpf::migrate {
namespace {

MigrationId read_id(const YamlReader& reader, const YAML::Node& at, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || !is_migration_name(text.substr(slash + 1))) {
    reader.fail(at, "'" + text + "' is no migration; write it like 'content.item/0001_initial'");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

Migration read_migration(const YAML::Node& root, const std::string& source) {
  if (!root.IsMap()) fail_at(source, 1, "a migration file holds 'migration:' and 'operations:'");
  const YamlReader file(source, root, "the file");
  file.allow({"migration", "operations"});
  const auto head = file.inner("migration", "'migration'");
  head.allow({"module", "name", "depends", "replaces", "border"});
  Migration result;
  result.source = source;
  result.id = {head.text("module"), head.text("name")};
  result.border = head.flag("border");
  if (!is_migration_name(result.id.name)) {
    head.fail(head.need("name"),
              "'" + result.id.name + "' is no name of a migration; write it like '0001_initial'");
  }
  if (const auto depends = head.find("depends")) {
    const auto texts = head.list("depends");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      result.depends.push_back(read_id(head, depends[i], texts[i]));
      result.depends_lines.push_back(depends[i].Mark().line + 1);
    }
  }
  if (const auto replaces = head.find("replaces")) {
    const auto texts = head.list("replaces");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      result.replaces.push_back(read_id(head, replaces[i], texts[i]));
      if (result.replaces.back().module != result.id.module) {
        head.fail(replaces[i], "a migration can replace only those of its own module");
      }
    }
  }
  const auto operations = file.need("operations");
  if (!operations.IsSequence() && !operations.IsNull()) file.fail(operations, "'operations' must be a list");
  for (const auto& node : operations) result.operations.push_back(read_operation(file, node));
  return result;
}

}  // namespace

void fail_at(std::string_view source, int line, const std::string& message) {
  fail(ErrorKind::configuration, std::string(source) + ":" + std::to_string(line) + ": " + message);
}

std::string place_of(const Migration& migration, const LocatedOperation& operation) {
  const auto& source = operation.source.empty() ? migration.source : operation.source;
  return source + ":" + std::to_string(operation.line);
}

Migration parse_migration(std::string_view text, const std::string& source) {
  if (!is_valid_utf8(text)) fail_at(source, 1, "the file is not UTF-8");
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.size() != 1) {
      fail_at(source, 1,
              documents.empty() ? "the file is empty" : "the file holds more than one YAML document");
    }
    auto result = read_migration(documents.front(), source);
    // What editors put there or take away says nothing.
    constexpr std::string_view mark = "\xef\xbb\xbf";
    std::string unix_text(text.starts_with(mark) ? text.substr(mark.size()) : text);
    std::erase(unix_text, '\r');
    result.checksum = sha256(unix_text);
    result.text = std::move(unix_text);
    return result;
  } catch (const YAML::Exception& e) {
    fail_at(source, e.mark.line + 1, "malformed YAML: " + e.msg);
  }
}

}  // namespace mpf::migrate
