#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace mpf {

/// Files compiled into the program by the CMake function mpf_embed(). Immutable, for the whole program's
/// life; paths are relative to the embedded folder, with '/' and sorted.
class EmbeddedFiles {
 public:
  struct File {
    std::string_view path;
    std::string_view content;
  };

  EmbeddedFiles() = default;
  explicit EmbeddedFiles(std::vector<File> files);

  /// The content, or nothing when there is no such file.
  std::optional<std::string_view> find(std::string_view path) const;
  const std::vector<File>& files() const noexcept { return files_; }

 private:
  std::vector<File> files_;
};

}  // namespace mpf
