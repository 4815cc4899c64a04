#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include <mpf/orm/schema.hpp>

#include "migrate/migration.hpp"

namespace mpf::migrate {

/// One mapping of a file, which complains about keys that nobody asked for. All that does not fit is
/// Error(configuration) with file and line.
class YamlReader {
 public:
  YamlReader(const std::string& source, YAML::Node node, std::string what);

  [[noreturn]] void fail(const YAML::Node& at, const std::string& message) const;
  [[noreturn]] void unknown(const YAML::Node& at, const std::string& what, const std::string& word,
                            const std::vector<std::string_view>& known) const;
  void allow(const std::vector<std::string_view>& keys) const;

  YAML::Node find(const std::string& key) const { return node_[key]; }
  YAML::Node need(const std::string& key) const;
  std::string scalar(const YAML::Node& value, const std::string& key) const;
  /// Not empty.
  std::string text(const std::string& key) const;
  /// A name that goes into the database.
  std::string name(const std::string& key) const;
  void check_name(const YAML::Node& at, const std::string& name) const;
  bool flag(const std::string& key) const;
  std::size_t number(const std::string& key, std::size_t least) const;
  std::vector<std::string> list(const std::string& key) const;
  YamlReader inner(const std::string& key, std::string what) const {
    return {source_, need(key), std::move(what)};
  }
  YamlReader inner(const YAML::Node& node, std::string what) const {
    return {source_, node, std::move(what)};
  }
  /// Of an operation, which may say why it is done although it is unsafe.
  YamlReader operation(const YAML::Node& node, std::string what) const;
  const YAML::Node& node() const { return node_; }

 private:
  const std::string& source_;
  YAML::Node node_;
  std::string what_;
  bool may_have_reason_ = false;
};

/// "- add_column: {…}"
LocatedOperation read_operation(const YamlReader& file, const YAML::Node& node);

}  // namespace mpf::migrate
