#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "content/item/models.hpp"

namespace portal::content {

/// What a file ending means for an import.
struct FileType {
  std::string_view content_type;  ///< without charset
  std::optional<Kind> kind;       ///< nothing: an asset, shown only as part of pages
};

/// Nothing for endings that the portal does not show: such files are left out.
std::optional<FileType> file_type(std::string_view file_name);

/// A file found below a folder.
struct FoundFile {
  std::string path;  ///< below the folder, with '/'
  std::int64_t size = 0;
  std::int64_t modified = 0;  ///< ns since the epoch
};

struct Scan {
  std::vector<std::string> folders;   ///< with files to import in or below them, parents first, "" the first
  std::vector<FoundFile> files;       ///< index pages first, then in the order people sort names
  std::vector<std::string> left_out;  ///< "path: reason"
};

/// Walks a folder. Symbolic links, hidden files and what is no regular file are left out, as are names that
/// are not UTF-8, contain control characters or backslashes, or are too long; the reasons are told.
/// Error(not_found), Error(invalid) or Error(denied), saying what to do, when the folder itself cannot be
/// read. Blocks.
Scan scan_folder(const std::filesystem::path& folder);

/// Size and time of one file, or nothing when it is gone or no regular file any more. Blocks.
std::optional<FoundFile> look_at(const std::filesystem::path& folder, const std::string& path);

/// Order of files in a source: index pages first, then as people sort names.
bool import_order(std::string_view a, std::string_view b);

/// The folder's canonical path; errors as scan_folder().
std::filesystem::path check_folder(const std::filesystem::path& folder);

}  // namespace portal::content
