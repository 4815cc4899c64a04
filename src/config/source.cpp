#include <system_error>
#include <utility>

#include <unistd.h>

#include <mpf/base/file.hpp>
#include <mpf/config/configuration.hpp>

namespace mpf::config {

ProfileSource profile_folder(const std::filesystem::path& folder) {
  std::string name = folder.string();
  const auto read = [folder](std::string_view file) { return read_file_if_exists(folder / file); };
  const auto list = [folder] {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      files.push_back(entry.path().filename().string());
    }
    return files;
  };
  return {std::move(name), read, list};
}

ProfileSource embedded_profiles(std::string name, const EmbeddedFiles& files) {
  const auto read = [&files](std::string_view file) -> std::optional<std::string> {
    const auto content = files.find(file);
    return content ? std::optional(std::string(*content)) : std::nullopt;
  };
  const auto list = [&files] {
    std::vector<std::string> names;
    for (const auto& file : files.files()) names.emplace_back(file.path);
    return names;
  };
  return {std::move(name), read, list};
}

std::string environment_name(std::string_view prefix, std::string_view key) {
  std::string name(prefix);
  for (const char c : key) {
    if (c == '.') {
      name += "__";
    } else if (c == '-') {
      name += '_';
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace mpf::config
