#include "content/import/scan.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

namespace portal::content {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_path_bytes = 1000;

struct Ending {
  std::string_view ending;
  FileType type;
};

constexpr std::array endings = std::to_array<Ending>({
    {"html", {"text/html", Kind::page}},
    {"htm", {"text/html", Kind::page}},
    {"xhtml", {"text/html", Kind::page}},
    {"md", {"text/markdown", Kind::markdown}},
    {"markdown", {"text/markdown", Kind::markdown}},
    {"txt", {"text/plain", Kind::text}},
    {"text", {"text/plain", Kind::text}},
    {"pdf", {"application/pdf", Kind::pdf}},
    {"png", {"image/png", Kind::image}},
    {"jpg", {"image/jpeg", Kind::image}},
    {"jpeg", {"image/jpeg", Kind::image}},
    {"gif", {"image/gif", Kind::image}},
    {"webp", {"image/webp", Kind::image}},
    {"avif", {"image/avif", Kind::image}},
    {"svg", {"image/svg+xml", Kind::image}},
    {"mp4", {"video/mp4", Kind::video}},
    {"m4v", {"video/mp4", Kind::video}},
    {"webm", {"video/webm", Kind::video}},
    {"ogv", {"video/ogg", Kind::video}},
    {"mov", {"video/quicktime", Kind::video}},
    {"mp3", {"audio/mpeg", Kind::audio}},
    {"m4a", {"audio/mp4", Kind::audio}},
    {"ogg", {"audio/ogg", Kind::audio}},
    {"oga", {"audio/ogg", Kind::audio}},
    {"opus", {"audio/ogg", Kind::audio}},
    {"wav", {"audio/wav", Kind::audio}},
    {"flac", {"audio/flac", Kind::audio}},
    {"css", {"text/css", {}}},
    {"js", {"text/javascript", {}}},
    {"mjs", {"text/javascript", {}}},
    {"json", {"application/json", {}}},
    {"ico", {"image/x-icon", {}}},
    {"woff", {"font/woff", {}}},
    {"woff2", {"font/woff2", {}}},
    {"ttf", {"font/ttf", {}}},
    {"otf", {"font/otf", {}}},
    {"vtt", {"text/vtt", {}}},
});

std::string_view name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool is_index(std::string_view path) {
  const auto name = mpf::to_lower_ascii(name_of(path));
  return name == "index.html" || name == "index.htm" || name == "index.md" || name == "readme.md";
}

/// Why a name cannot be taken over, or null.
const char* unfit(std::string_view path) {
  if (!mpf::is_valid_utf8(path)) return "the name is not UTF-8";
  if (path.size() > max_path_bytes) return "the path is longer than 1000 bytes";
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\')
      return "the name has a control character or backslash";
  }
  return nullptr;
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

}  // namespace

bool import_order(std::string_view a, std::string_view b) {
  const bool a_index = is_index(a);
  const bool b_index = is_index(b);
  if (a_index != b_index) return a_index;
  return mpf::natural_less(a, b);
}

std::optional<FileType> file_type(std::string_view file_name) {
  const auto name = name_of(file_name);
  const auto dot = name.rfind('.');
  if (dot == name.npos || dot == 0) return std::nullopt;
  const auto ending = mpf::to_lower_ascii(name.substr(dot + 1));
  const auto found =
      std::find_if(endings.begin(), endings.end(), [&](const Ending& e) { return e.ending == ending; });
  if (found == endings.end()) return std::nullopt;
  return found->type;
}

fs::path check_folder(const fs::path& folder) {
  std::error_code error;
  auto canonical = fs::canonical(folder, error);
  if (error == std::errc::permission_denied) {
    mpf::fail(mpf::ErrorKind::denied,
              fmt::format("no permission to read '{}': run the import as a user who may", folder.string()));
  }
  if (error) {
    mpf::fail(mpf::ErrorKind::not_found,
              fmt::format("there is no folder '{}': give the path of the folder to import", folder.string()));
  }
  if (!fs::is_directory(canonical)) {
    mpf::fail(mpf::ErrorKind::invalid,
              fmt::format("'{}' is no folder: give the folder that the file lies in", folder.string()));
  }
  if (::access(canonical.c_str(), R_OK | X_OK) != 0) {
    mpf::fail(mpf::ErrorKind::denied,
              fmt::format("no permission to read '{}': run the import as a user who may", folder.string()));
  }
  return canonical;
}

std::optional<FoundFile> look_at(const fs::path& folder, const std::string& path) {
  struct stat status {};
  if (::lstat((folder / path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return FoundFile{path, status.st_size, nanoseconds(status.st_mtim)};
}

Scan scan_folder(const fs::path& folder) {
  const auto root = check_folder(folder);
  Scan scan;
  std::error_code error;
  fs::recursive_directory_iterator at(root, fs::directory_options::none, error);
  if (error)
    mpf::fail(mpf::ErrorKind::unavailable,
              fmt::format("reading '{}' failed: {}", root.string(), error.message()));
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error)
      mpf::fail(mpf::ErrorKind::unavailable,
                fmt::format("reading '{}' failed: {}", root.string(), error.message()));
    const auto path = at->path().lexically_relative(root).generic_string();
    const auto leave_out = [&](std::string_view reason) {
      scan.left_out.push_back(
          fmt::format("{}: {}", mpf::is_valid_utf8(path) ? path : "(unreadable name)", reason));
    };
    const auto status = at->symlink_status(error);
    if (error || status.type() == fs::file_type::not_found) continue;
    if (fs::is_symlink(status)) {
      leave_out("symbolic links are not followed");
      continue;
    }
    if (name_of(path).starts_with('.')) {
      if (fs::is_directory(status)) at.disable_recursion_pending();
      continue;
    }
    if (const char* reason = unfit(path)) {
      leave_out(reason);
      if (fs::is_directory(status)) at.disable_recursion_pending();
      continue;
    }
    if (fs::is_directory(status)) {
      if (::access(at->path().c_str(), R_OK | X_OK) != 0) {
        leave_out("no permission to read the folder");
        at.disable_recursion_pending();
      }
      continue;
    }
    if (!fs::is_regular_file(status)) {
      leave_out("no regular file");
      continue;
    }
    if (!file_type(path)) {
      leave_out("the portal does not show files of this kind");
      continue;
    }
    if (auto found = look_at(root, path)) scan.files.push_back(std::move(*found));
  }
  std::sort(scan.files.begin(), scan.files.end(),
            [](const FoundFile& a, const FoundFile& b) { return import_order(a.path, b.path); });

  scan.folders.emplace_back();
  for (const auto& file : scan.files) {
    if (!file_type(file.path)->kind) continue;
    for (auto slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      scan.folders.push_back(file.path.substr(0, slash));
    }
  }
  std::sort(scan.folders.begin(), scan.folders.end(), mpf::natural_less);
  scan.folders.erase(std::unique(scan.folders.begin(), scan.folders.end()), scan.folders.end());
  // Parents must come before children even where '/' sorts after other characters.
  std::stable_sort(scan.folders.begin(), scan.folders.end(), [](const std::string& a, const std::string& b) {
    const auto depth = [](const std::string& s) {
      return s.empty() ? -1 : std::count(s.begin(), s.end(), '/');
    };
    return depth(a) < depth(b);
  });
  return scan;
}

}  // namespace portal::content
