#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// Whole files. These calls block: in a fiber, make them inside fiber::offload().
///
/// Errors name the file: not_found, denied, too_large, or unavailable (disk full, I/O error).
namespace mpf {

inline constexpr std::size_t default_max_file_bytes = 64 * 1024 * 1024;

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = default_max_file_bytes);

/// Nothing when there is no such file; other errors throw.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path,
                                               std::size_t max_bytes = default_max_file_bytes);

/// Readers see the old file or the new one, never a part, also after a crash: written beside it, synced to
/// disk, renamed. The folder must exist. On an error the old file is untouched and nothing is left over.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

}  // namespace mpf
