#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <mpf/base/embedded.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/reflect.hpp>
#include <mpf/config/options.hpp>
#include <mpf/config/value.hpp>

namespace mpf::config {

/// One thing that is wrong with the configuration.
struct Problem {
  std::string where;  ///< "prod.yaml:3:7", "environment variable MPF_HTTP__PORT"; empty: nowhere set
  std::string key;    ///< "http.port"; empty where a file as a whole is meant
  std::string message;

  std::string to_string() const;
  bool operator==(const Problem&) const = default;
};

/// Everything that is wrong, in one error; what() has a line for each.
class ConfigurationError : public Error {
 public:
  explicit ConfigurationError(std::vector<Problem> problems);
  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// A folder of profiles: of the core, of an extension, of the application.
struct ProfileSource {
  std::string name;  ///< stands before file names in messages; empty for none
  std::function<std::optional<std::string>(std::string_view file)> read;
  std::function<std::vector<std::string>()> list;  ///< its file names; may be empty: then it cannot tell
};

/// Names in messages begin with the folder as given. A folder that does not exist has no files.
ProfileSource profile_folder(const std::filesystem::path& folder);
/// `files` must outlive the source.
ProfileSource embedded_profiles(std::string name, const EmbeddedFiles& files);

/// "http.port" → "MPF_HTTP__PORT", "content.item.page_size" → "MPF_CONTENT__ITEM__PAGE_SIZE".
std::string environment_name(std::string_view prefix, std::string_view key);

/// The environment of this process.
std::map<std::string, std::string> process_environment();

namespace detail {

/// A member of a settings struct, its type erased.
struct Setting {
  std::string key;
  std::string_view help;
  bool required = false;
  bool secret = false;
  std::function<Complaint(const Value&)> read;  ///< into the member, and whether it is in range
  std::function<std::string()> print;
};

}  // namespace detail

/// Settings from layers, weakest first: the defaults in the structs, `shared.yaml`, the files of the
/// profile's cumulative segments (for "prod-boh" `prod.yaml`, then `prod-boh.yaml`), the environment,
/// overrides. Of a file that several sources have, later sources are stronger.
///
/// In a profile, `!env NAME` and `!file path` stand for the text of an environment variable and of a file.
/// A key without a value says nothing. Problems are collected, and thrown together by finish().
class Configuration {
 public:
  struct Options {
    std::string profile;  ///< empty: only shared.yaml
    std::vector<ProfileSource> sources;
    std::map<std::string, std::string> environment;
    std::map<std::string, std::string> overrides;  ///< by key: "http.port"
    std::string env_prefix = "MPF_";
  };

  /// Error(configuration), naming the profiles that exist, when no source has the profile.
  static Configuration load(Options options);

  ~Configuration();
  Configuration(Configuration&&) noexcept;
  Configuration& operator=(Configuration&&) noexcept;

  /// Reads a section ("http", "content.item") into a described struct. Members with a problem keep their
  /// default until finish() throws. The same section may be read more than once.
  template <Described T>
  T section(std::string_view name) {
    T value{};
    begin_section(name);
    read_members(std::string(name), value);
    return value;
  }

  /// After all sections have been read: throws ConfigurationError with all problems, keys that no section
  /// knows among them.
  void finish() const;

  struct Entry {
    std::string key;
    std::string value;   ///< secrets as ***
    std::string origin;  ///< "prod.yaml:3:7", "environment variable …", "override", "default"
    std::string help;
  };
  /// Of all sections read, sorted by key.
  std::vector<Entry> entries() const;

  const std::string& profile() const noexcept;

 private:
  struct Impl;
  explicit Configuration(std::unique_ptr<Impl> impl);

  void begin_section(std::string_view name);
  void begin_group(const std::string& key);
  void read_setting(const detail::Setting& setting);

  template <class T>
  void read_members(const std::string& prefix, T& object) {
    for_each_field<T>([&](const auto& field) {
      using Field = std::remove_cvref_t<decltype(field)>;
      using Type = typename Field::type;
      Type& member = object.*(Field::pointer);
      std::string key = prefix + '.' + std::string(field.name());
      if constexpr (Described<Type>) {
        begin_group(key);
        read_members(key, member);
      } else {
        detail::Setting setting{.key = std::move(key),
                                .help = {},
                                .required = Field::template has<Required>,
                                .secret = std::is_same_v<Type, Secret>,
                                .read = [&](const Value& value) -> Complaint {
                                  Type candidate{};
                                  if (auto complaint = detail::read_any(value, candidate)) return complaint;
                                  if (auto complaint = out_of_range(field, candidate)) return complaint;
                                  member = std::move(candidate);
                                  return {};
                                },
                                .print = [&] { return detail::print_any(member); }};
        if constexpr (Field::template has<Help>) setting.help = field.template get<Help>().text;
        read_setting(setting);
      }
    });
  }

  template <class Field, class T>
  static Complaint out_of_range(const Field& field, const T& value) {
    Complaint complaint;
    reflect::apply([&](const auto&... option) { (check(option, value, complaint), ...); }, field.options);
    return complaint;
  }
  template <class Option, class T>
  static void check(const Option&, const T&, Complaint&) {}
  template <class Limit, class T>
  static void check(const Min<Limit>& min, const T& value, Complaint& complaint) {
    if (value < min.value) complaint = "must be at least " + detail::print_any(min.value);
  }
  template <class Limit, class T>
  static void check(const Max<Limit>& max, const T& value, Complaint& complaint) {
    if (value > max.value) complaint = "must be at most " + detail::print_any(max.value);
  }
  template <class T>
  static void check(const Check<T>& rule, const T& value, Complaint& complaint) {
    if (!complaint) complaint = rule.complaint(value);
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::config
