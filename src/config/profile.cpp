#include "config/profile.hpp"

#include <set>
#include <utility>

#include <yaml-cpp/yaml.h>

#include <mpf/base/file.hpp>

namespace mpf::config::profile {
namespace {

// Aliases can repeat, and even contain, themselves.
constexpr int deepest = 32;
constexpr int most_nodes = 100'000;

class Converter {
 public:
  Converter(const std::string& file, const std::map<std::string, std::string>& environment,
            std::vector<Problem>& problems)
      : file_(file), environment_(environment), problems_(problems) {}

  Node convert(const YAML::Node& yaml, const std::string& path, int depth = 0) {
    Node node;
    node.origin = place(yaml.Mark());
    if (depth > deepest || ++count_ > most_nodes) {
      complain(node.origin, path, "is nested too deeply, or repeats itself through aliases");
      return node;
    }
    if (yaml.IsScalar()) {
      scalar(yaml, path, node);
    } else if (yaml.IsSequence()) {
      node.kind = Node::Kind::list;
      for (const auto& item : yaml) node.items.push_back(convert(item, path, depth + 1));
    } else if (yaml.IsMap()) {
      node.kind = Node::Kind::map;
      members(yaml, path, depth, node);
    }
    return node;
  }

  std::string place(const YAML::Mark& mark) const {
    if (mark.is_null()) return file_;
    return file_ + ':' + std::to_string(mark.line + 1) + ':' + std::to_string(mark.column + 1);
  }

  void complain(std::string where, std::string key, std::string message) {
    problems_.push_back({std::move(where), std::move(key), std::move(message)});
  }

 private:
  void scalar(const YAML::Node& yaml, const std::string& path, Node& node) {
    node.kind = Node::Kind::scalar;
    node.text = yaml.Scalar();
    const std::string& tag = yaml.Tag();
    if (tag == "!env") {
      const auto found = environment_.find(node.text);
      if (found == environment_.end()) {
        node.failure = "the environment variable " + node.text + " is not set";
      } else {
        node.text = found->second;
      }
    } else if (tag == "!file") {
      try {
        std::string content = read_file(node.text);
        while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
        node.text = std::move(content);
      } catch (const Error& error) {
        node.failure = error.what();
      }
    } else if (tag != "?" && tag != "!" && !tag.empty() && !tag.starts_with("tag:yaml.org,2002:")) {
      complain(node.origin, path, "unknown tag " + tag + "; there are !env and !file");
    }
  }

  void members(const YAML::Node& yaml, const std::string& path, int depth, Node& node) {
    std::map<std::string, std::string> seen;
    for (const auto& member : yaml) {
      const std::string origin = place(member.first.Mark());
      if (!member.first.IsScalar()) {
        complain(origin, path, "keys must be plain text");
        continue;
      }
      const std::string& key = member.first.Scalar();
      const std::string full = path.empty() ? key : path + '.' + key;
      const auto [before, is_new] = seen.emplace(key, origin);
      if (!is_new) {
        complain(origin, full, "is there twice, first at " + before->second);
        continue;
      }
      Node item = convert(member.second, full, depth + 1);
      item.key = key;
      item.key_origin = origin;
      node.items.push_back(std::move(item));
    }
  }

  const std::string& file_;
  const std::map<std::string, std::string>& environment_;
  std::vector<Problem>& problems_;
  int count_ = 0;
};

}  // namespace

Node parse(const std::string& text, const std::string& file,
           const std::map<std::string, std::string>& environment, std::vector<Problem>& problems) {
  Converter converter(file, environment, problems);
  Node empty;
  empty.kind = Node::Kind::map;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty() || (documents.size() == 1 && documents[0].IsNull())) return empty;
    if (documents.size() > 1) {
      converter.complain(converter.place(documents[1].Mark()), "",
                         "a profile is one YAML document, not several");
    }
    Node root = converter.convert(documents[0], "");
    if (root.kind == Node::Kind::map) return root;
    converter.complain(root.origin, "", "a profile is a map of sections");
  } catch (const YAML::Exception& error) {
    converter.complain(converter.place(error.mark), "", "is no YAML: " + error.msg);
  }
  return empty;
}

const Node* find(const Node& map, std::string_view key) {
  for (const Node& item : map.items) {
    if (!key.starts_with(item.key)) continue;
    if (key.size() == item.key.size()) {
      if (item.kind != Node::Kind::nothing) return &item;
    } else if (key[item.key.size()] == '.' && item.kind == Node::Kind::map) {
      if (const Node* found = find(item, key.substr(item.key.size() + 1))) return found;
    }
  }
  return nullptr;
}

Value to_value(const Node& node) {
  Value value{.kind = Value::Kind::scalar,
              .text = node.text,
              .items = {},
              .key = node.key,
              .origin = node.origin,
              .one_line = false};
  if (node.kind == Node::Kind::list) value.kind = Value::Kind::list;
  if (node.kind == Node::Kind::map) value.kind = Value::Kind::map;
  for (const Node& item : node.items) value.items.push_back(to_value(item));
  return value;
}

}  // namespace mpf::config::profile
