#include "content/import/scan.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

[[noreturn]] void fail_scan(const fs::path& root, const std::error_code& error) {
  mpf::fail(mpf::ErrorKind::unavailable,
            fmt::format("reading '{}' failed: {}", root.string(), error.message()));
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

OpenFolder::OpenFolder(const fs::path& folder)
    : descriptor_(::open(check_folder(folder).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    mpf::fail_errno(error, fmt::format("reading '{}'", folder.string()));
  }
  identity_ = static_cast<std::int64_t>(status.st_ino);
}

OpenFolder::~OpenFolder() { ::close(descriptor_); }

std::optional<FoundFile> OpenFolder::look_at(const std::string& path) const {
  struct stat status {};
  if (::fstatat(descriptor_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
    mpf::fail_errno(errno, fmt::format("reading '{}'", path));
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return FoundFile{path, status.st_size, nanoseconds(status.st_mtim)};
}

void OpenFolder::require_same(const fs::path& folder, std::int64_t identity) {
  std::string now;
  try {
    if (OpenFolder(folder).identity() == identity) return;
    now = "is another one than";
  } catch (const mpf::Error& error) {
    now = fmt::format("cannot be read ({}), unlike", error.what());
  }
  mpf::fail(mpf::ErrorKind::unavailable,
            fmt::format("the folder '{}' {} when the import looked what is in it: nothing is retired; bring "
                        "it back (is it mounted?) and run the import again",
                        folder.string(), now));
}

std::string printable(std::string_view path) {
  const bool utf8 = mpf::is_valid_utf8(path);
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

Scan scan_folder(const fs::path& folder) {
  const auto root = check_folder(folder);
  const OpenFolder opened(root);
  Scan scan;
  scan.identity = opened.identity();
  std::error_code error;
  fs::recursive_directory_iterator at(root, fs::directory_options::none, error);
  if (error) fail_scan(root, error);
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error) fail_scan(root, error);
    const auto path = at->path().lexically_relative(root).generic_string();
    const auto leave_out = [&](std::string_view reason) {
      scan.left_out.push_back({path, std::string(reason)});
    };
    const auto status = at->symlink_status(error);
    if (status.type() == fs::file_type::not_found) continue;
    if (error == std::errc::permission_denied) {
      scan.unreadable.push_back({path, "no permission to look at it"});
      continue;
    }
    if (error) fail_scan(root, error);
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
        scan.unreadable.push_back({path, "no permission to read the folder"});
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
    if (auto found = opened.look_at(path)) scan.files.push_back(std::move(*found));
  }
  OpenFolder::require_same(root, scan.identity);
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
