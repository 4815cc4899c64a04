#include <mpf/config/configuration.hpp>

#include <algorithm>
#include <set>

#include <mpf/base/text.hpp>

#include "config/profile.hpp"

namespace mpf::config {
namespace {

using profile::Node;

constexpr std::string_view extension = ".yaml";

std::string summary(const std::vector<Problem>& problems) {
  std::string text = problems.size() == 1
                         ? "the configuration has a problem:"
                         : "the configuration has " + std::to_string(problems.size()) + " problems:";
  for (const Problem& problem : problems) text += "\n  " + problem.to_string();
  return text;
}

/// "prod-boh" → "prod", "prod-boh".
std::vector<std::string> cumulative(std::string_view profile) {
  std::vector<std::string> names;
  if (profile.empty()) return names;
  for (std::size_t dash = profile.find('-'); dash != std::string_view::npos;
       dash = profile.find('-', dash + 1)) {
    names.emplace_back(profile.substr(0, dash));
  }
  names.emplace_back(profile);
  return names;
}

bool is_profile_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name != "shared" && !name.starts_with('-') && std::ranges::all_of(name, allowed);
}

std::vector<std::string> profiles_of(const std::vector<ProfileSource>& sources) {
  std::set<std::string> names;
  for (const ProfileSource& source : sources) {
    if (!source.list) continue;
    for (const std::string& file : source.list()) {
      if (!file.ends_with(extension)) continue;
      const std::string name = file.substr(0, file.size() - extension.size());
      if (is_profile_name(name)) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

[[noreturn]] void fail_unknown_profile(const Configuration::Options& options) {
  const std::vector<std::string> names = profiles_of(options.sources);
  std::string message = "there is no profile \"" + options.profile + '"';
  if (const auto near = nearest_word(options.profile, {names.begin(), names.end()})) {
    message += ", did you mean \"" + std::string(*near) + "\"?";
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  message += names.empty() ? "; no profiles were found" : "; the profiles are: " + list;
  std::string places;
  for (const ProfileSource& source : options.sources) {
    if (!source.name.empty()) places += (places.empty() ? " (in " : ", ") + source.name;
  }
  fail(ErrorKind::configuration, message + (places.empty() ? "" : places + ')'));
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto near = nearest_word(word, candidates);
  return near ? ", did you mean \"" + std::string(*near) + "\"?" : std::string();
}

}  // namespace

std::string Problem::to_string() const {
  std::string text = where;
  for (const std::string& part : {key, message}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  return text;
}

ConfigurationError::ConfigurationError(std::vector<Problem> problems)
    : Error(ErrorKind::configuration, summary(problems)), problems_(std::move(problems)) {}

struct Configuration::Impl {
  Options options;
  std::vector<Node> layers;  // weakest first
  std::vector<Problem> problems;
  std::map<std::string, Entry> settings;      // by key
  std::set<std::string, std::less<>> groups;  // sections, structs inside them, and what is around them

  struct Found {
    Value value;
    std::string origin;
    std::optional<std::string> failure;
  };

  std::optional<Found> find(const std::string& key) const {
    const auto one_line = [](const std::string& text, std::string origin) {
      Value value{.kind = Value::Kind::scalar,
                  .text = text,
                  .items = {},
                  .key = {},
                  .origin = origin,
                  .one_line = true};
      return Found{std::move(value), std::move(origin), {}};
    };
    if (const auto found = options.overrides.find(key); found != options.overrides.end()) {
      return one_line(found->second, "override");
    }
    const std::string variable = environment_name(options.env_prefix, key);
    if (const auto found = options.environment.find(variable); found != options.environment.end()) {
      return one_line(found->second, "environment variable " + variable);
    }
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
      const Node* node = profile::find(*layer, key);
      if (node != nullptr) return Found{profile::to_value(*node), node->origin, node->failure};
    }
    return std::nullopt;
  }

  void add_groups(std::string_view key) {
    for (std::size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
      groups.emplace(key.substr(0, dot));
    }
    groups.emplace(key);
  }

  /// What could have been meant below a prefix: settings and groups, as they would be written there.
  std::vector<std::string_view> known_below(std::string_view prefix) const {
    std::vector<std::string_view> names;
    const auto add = [&](std::string_view key) {
      if (key.size() > prefix.size() && key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
    };
    for (const auto& [key, entry] : settings) add(key);
    for (const std::string& group : groups) add(group);
    return names;
  }

  void check_unknown(const Node& map, const std::string& prefix, std::vector<Problem>& found) const {
    for (const Node& item : map.items) {
      const std::string key = prefix + item.key;
      if (settings.contains(key)) continue;
      if (!groups.contains(key)) {
        const std::string what = prefix.empty() ? "unknown section" : "unknown setting";
        found.push_back({item.key_origin, key, what + did_you_mean(item.key, known_below(prefix))});
      } else if (item.kind == Node::Kind::map) {
        check_unknown(item, key + '.', found);
      } else if (item.kind != Node::Kind::nothing) {
        found.push_back({item.origin, key, "expected a map of settings"});
      }
    }
  }

  void check_environment(std::vector<Problem>& found) const {
    std::set<std::string> names;
    for (const auto& [key, entry] : settings) names.insert(environment_name(options.env_prefix, key));
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    for (const auto& [name, value] : options.environment) {
      // Without "__" it names no setting and may be meant for something else.
      const bool ours = name.starts_with(options.env_prefix) &&
                        name.find("__", options.env_prefix.size()) != std::string::npos;
      if (!ours || names.contains(name)) continue;
      found.push_back(
          {"environment variable " + name, "", "unknown setting" + did_you_mean(name, candidates)});
    }
  }

  void check_overrides(std::vector<Problem>& found) const {
    std::vector<std::string_view> candidates;
    for (const auto& [key, entry] : settings) candidates.push_back(key);
    for (const auto& [key, value] : options.overrides) {
      if (settings.contains(key)) continue;
      found.push_back({"override", key, "unknown setting" + did_you_mean(key, candidates)});
    }
  }
};

Configuration::Configuration(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Configuration::~Configuration() = default;
Configuration::Configuration(Configuration&&) noexcept = default;
Configuration& Configuration::operator=(Configuration&&) noexcept = default;

Configuration Configuration::load(Options options) {
  auto impl = std::make_unique<Impl>();
  const bool named = !options.profile.empty();
  if (named && !is_profile_name(options.profile)) fail_unknown_profile(options);
  std::vector<std::string> names = cumulative(options.profile);
  names.insert(names.begin(), "shared");
  bool exists = !named;
  for (const std::string& name : names) {
    const std::string file = name + std::string(extension);
    for (const ProfileSource& source : options.sources) {
      const auto text = source.read(file);
      if (!text) continue;
      exists = exists || name == options.profile;
      const std::string shown = source.name.empty() ? file : source.name + '/' + file;
      impl->layers.push_back(profile::parse(*text, shown, options.environment, impl->problems));
    }
  }
  if (!exists) fail_unknown_profile(options);
  impl->options = std::move(options);
  return Configuration(std::move(impl));
}

void Configuration::begin_section(std::string_view name) { impl_->add_groups(name); }
void Configuration::begin_group(const std::string& key) { impl_->add_groups(key); }

void Configuration::read_setting(const detail::Setting& setting) {
  const auto complain = [&](std::string where, std::string message) {
    Problem problem{std::move(where), setting.key, std::move(message)};
    // A section may be read more than once.
    if (std::ranges::find(impl_->problems, problem) == impl_->problems.end()) {
      impl_->problems.push_back(std::move(problem));
    }
  };
  const auto found = impl_->find(setting.key);
  std::string origin = "default";
  if (found) {
    origin = found->origin;
    const bool empty = found->value.kind == Value::Kind::scalar && trim(found->value.text).empty();
    if (found->failure) {
      complain(origin, *found->failure);
    } else if (setting.required && empty) {
      complain(origin, "must not be empty");
    } else if (const auto complaint = setting.read(found->value)) {
      complain(origin, *complaint);
    }
  } else if (setting.required) {
    const std::string help = setting.help.empty() ? "" : " (" + std::string(setting.help) + ')';
    const std::string how = setting.secret ? ", or with !env or !file in a profile" : " or in a profile";
    complain("", "is required" + help + ": set it as environment variable " +
                     environment_name(impl_->options.env_prefix, setting.key) + how);
  }
  impl_->settings[setting.key] = {setting.key, setting.print(), std::move(origin), std::string(setting.help)};
}

void Configuration::finish() const {
  std::vector<Problem> problems = impl_->problems;
  for (const Node& layer : impl_->layers) impl_->check_unknown(layer, "", problems);
  impl_->check_environment(problems);
  impl_->check_overrides(problems);
  if (!problems.empty()) throw ConfigurationError(std::move(problems));
}

std::vector<Configuration::Entry> Configuration::entries() const {
  std::vector<Entry> entries;
  for (const auto& [key, entry] : impl_->settings) entries.push_back(entry);
  return entries;
}

const std::string& Configuration::profile() const noexcept { return impl_->options.profile; }

}  // namespace mpf::config
