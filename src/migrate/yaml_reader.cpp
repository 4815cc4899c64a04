#include "migrate/yaml_reader.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <mpf/base/text.hpp>

namespace mpf::migrate {
namespace {

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

}  // namespace

YamlReader::YamlReader(const std::string& source, YAML::Node node, std::string what)
    : source_(source), node_(std::move(node)), what_(std::move(what)) {
  if (!node_.IsMap()) fail(node_, what_ + " must be a mapping (key: value)");
  std::set<std::string> seen;
  for (const auto& pair : node_) {
    if (!pair.first.IsScalar()) fail(pair.first, "a key of " + what_ + " is no plain text");
    if (!seen.insert(pair.first.Scalar()).second) {
      fail(pair.first, "the key '" + pair.first.Scalar() + "' of " + what_ + " is there twice; keep one");
    }
  }
}

void YamlReader::fail(const YAML::Node& at, const std::string& message) const {
  fail_at(source_, at.Mark().line + 1, message);
}

void YamlReader::allow(const std::vector<std::string_view>& keys) const {
  std::vector<std::string_view> known(keys);
  if (may_have_reason_) known.push_back("reason");
  for (const auto& pair : node_) {
    const auto& key = pair.first.Scalar();
    if (std::ranges::find(known, key) == known.end()) unknown(pair.first, "key", key, known);
  }
}

void YamlReader::unknown(const YAML::Node& at, const std::string& what, const std::string& word,
                         const std::vector<std::string_view>& known) const {
  const auto near = nearest_word(word, known);
  fail(at, "unknown " + what + " '" + word + "' of " + what_ + "; " +
               (near ? "did you mean '" + std::string(*near) + "'?" : "there are: " + join(known)));
}

YAML::Node YamlReader::need(const std::string& key) const {
  const auto value = node_[key];
  if (!value) fail(node_, what_ + " lacks '" + key + "'");
  return value;
}

std::string YamlReader::scalar(const YAML::Node& value, const std::string& key) const {
  if (!value.IsScalar()) fail(value, "'" + key + "' of " + what_ + " must be text");
  return value.Scalar();
}

std::string YamlReader::text(const std::string& key) const {
  const auto value = need(key);
  auto result = scalar(value, key);
  if (result.empty()) fail(value, "'" + key + "' of " + what_ + " is empty");
  return result;
}

std::string YamlReader::name(const std::string& key) const {
  auto result = text(key);
  check_name(need(key), result);
  return result;
}

void YamlReader::check_name(const YAML::Node& at, const std::string& name) const {
  if (name.size() > 63) fail(at, "the name '" + name + "' has more than 63 bytes, which PostgreSQL cuts off");
  if (name.starts_with("sqlite_") || name.starts_with("mpf_new_")) {
    fail(at, "the name '" + name + "' begins with what is reserved");
  }
  const bool good = !name.empty() && is_valid_utf8(name) &&
                    std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!good) fail(at, "the name '" + name + "' is empty or has control characters");
}

bool YamlReader::flag(const std::string& key) const {
  const auto value = find(key);
  if (!value) return false;
  const auto result = scalar(value, key);
  if (result != "true" && result != "false") fail(value, "'" + key + "' must be true or false");
  return result == "true";
}

std::vector<std::string> YamlReader::list(const std::string& key) const {
  const auto value = need(key);
  if (!value.IsSequence()) fail(value, "'" + key + "' of " + what_ + " must be a list");
  std::vector<std::string> result;
  for (const auto& each : value) result.push_back(scalar(each, key));
  return result;
}

YamlReader YamlReader::operation(const YAML::Node& node, std::string what) const {
  auto result = inner(node, std::move(what));
  result.may_have_reason_ = true;
  return result;
}

std::size_t YamlReader::number(const std::string& key, std::size_t least) const {
  const auto value = need(key);
  const auto text = scalar(value, key);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    fail(value,
         "'" + key + "' must be a whole number" + (least > 0 ? " above 0" : "") + ", not '" + text + "'");
  }
  return number;
}

}  // namespace mpf::migrate
