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

bool is_index(std::string_view file_name) {
  const auto name = mpf::to_lower_ascii(file_name);
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

[[noreturn]] void fail_walk(const fs::path& root, const std::error_code& error) {
  mpf::fail(mpf::ErrorKind::unavailable,
            fmt::format("reading '{}' failed: {}", root.string(), error.message()));
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

/// Index pages first, then as people sort names.
bool import_order(std::string_view a, std::string_view b) {
  const bool a_index = is_index(a);
  const bool b_index = is_index(b);
  if (a_index != b_index) return a_index;
  return mpf::natural_less(a, b);
}

}  // namespace

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

struct FolderWalk::Level {
  std::string path;  // below the root; empty for the root itself
  std::vector<std::string> files;
  std::size_t next_file = 0;
  std::vector<std::string> folders;
  std::size_t next_folder = 0;
};

FolderWalk::FolderWalk(const fs::path& folder, const std::string& after, Tell tell)
    : root_(check_folder(folder)), opened_(root_), tell_(std::move(tell)) {
  enter("", after);
}

FolderWalk::~FolderWalk() = default;

std::vector<FolderWalk::File> FolderWalk::next(std::size_t files) {
  std::vector<File> found;
  while (!levels_.empty() && found.size() < files) {
    auto& level = levels_.back();
    if (level.next_file < level.files.size()) {
      const auto position = level.next_file++;
      found.push_back({join(level.path, level.files[position]), static_cast<std::int64_t>(position)});
    } else if (level.next_folder < level.folders.size()) {
      std::vector<std::string>().swap(level.files);
      level.next_file = 0;
      enter(join(level.path, level.folders[level.next_folder++]), "");
    } else {
      levels_.pop_back();
    }
  }
  OpenFolder::require_same(root_, identity());
  return found;
}

void FolderWalk::enter(const std::string& path, const std::string& after) {
  Level level;
  level.path = path;
  list(level, after.empty());
  std::string folder;
  if (!after.empty()) {
    const auto rest = path.empty() ? after : after.substr(path.size() + 1);
    const auto slash = rest.find('/');
    if (slash == std::string::npos) {
      level.next_file = static_cast<std::size_t>(
          std::upper_bound(level.files.begin(), level.files.end(), rest, import_order) - level.files.begin());
    } else {
      folder = rest.substr(0, slash);
      level.files.clear();
      const auto at = std::lower_bound(level.folders.begin(), level.folders.end(), folder, mpf::natural_less);
      level.next_folder = static_cast<std::size_t>(at - level.folders.begin());
      if (at == level.folders.end() || *at != folder) {
        folder.clear();  // gone meanwhile
      } else {
        ++level.next_folder;
      }
    }
  }
  levels_.push_back(std::move(level));
  if (!folder.empty()) enter(join(path, folder), after);
}

void FolderWalk::list(Level& level, bool tell) {
  const auto folder = level.path.empty() ? root_ : root_ / level.path;
  const auto leave_out = [&](std::string path, std::string_view reason, Why why = Why::unfit) {
    if (tell) tell_({std::move(path), std::string(reason)}, why);
  };
  std::error_code error;
  fs::directory_iterator at;
  if (::access(folder.c_str(), R_OK | X_OK) != 0) {
    error.assign(errno, std::generic_category());
  } else {
    at = fs::directory_iterator(folder, error);
  }
  if (error == std::errc::permission_denied && !level.path.empty()) {
    leave_out(level.path, "no permission to read the folder", Why::unreadable);
    return;
  }
  // Gone since it was listed: so are its files. That the root is there is looked at in the end.
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return;
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const auto name = at->path().filename().string();
    auto path = join(level.path, name);
    const auto status = at->symlink_status(error);
    if (status.type() == fs::file_type::not_found) {
      error.clear();
      continue;
    }
    if (error == std::errc::permission_denied) {
      error.clear();
      leave_out(std::move(path), "no permission to look at it", Why::unreadable);
      continue;
    }
    if (error) break;
    if (fs::is_symlink(status)) {
      leave_out(std::move(path), "symbolic links are not followed");
    } else if (name.starts_with('.')) {
      continue;
    } else if (const char* reason = unfit(path)) {
      leave_out(std::move(path), reason);
    } else if (fs::is_directory(status)) {
      level.folders.push_back(name);
    } else if (!fs::is_regular_file(status)) {
      leave_out(std::move(path), "no regular file");
    } else if (!file_type(name)) {
      leave_out(std::move(path), "the portal does not show files of this kind");
    } else {
      level.files.push_back(name);
    }
  }
  if (error) fail_walk(root_, error);
  std::sort(level.files.begin(), level.files.end(), import_order);
  std::sort(level.folders.begin(), level.folders.end(), mpf::natural_less);
}

}  // namespace portal::content
