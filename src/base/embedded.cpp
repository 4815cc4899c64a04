#include <mpf/base/embedded.hpp>

#include <algorithm>
#include <utility>

namespace mpf {

EmbeddedFiles::EmbeddedFiles(std::vector<File> files) : files_(std::move(files)) {
  std::ranges::sort(files_, {}, &File::path);
}

std::optional<std::string_view> EmbeddedFiles::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(files_, path, {}, &File::path);
  if (found == files_.end() || found->path != path) return std::nullopt;
  return found->content;
}

}  // namespace mpf
