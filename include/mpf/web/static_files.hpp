#pragma once

#include <filesystem>
#include <string>

#include <mpf/base/embedded.hpp>
#include <mpf/http/router.hpp>

namespace mpf::web {

struct StaticOptions {
  std::string parameter = "path";  ///< of the route: "/assets/{path*}"
  std::string index;               ///< answers the empty path ("index.html"); empty: 404
  std::string prefix;              ///< folder inside that is served, without slash at its end; empty: all
};

/// Handler for files that travel in the program. They are prepared once: entity tag by content, gzip for what
/// shrinks by it. Names that carry a hash of their content (app-Bq3_x81k.js, as Vite writes them) may be
/// cached for a year, others are revalidated. `files` outlives the handler.
http::Handler static_files(const EmbeddedFiles& files, StaticOptions options = {});

/// Handler for a folder on disk, with conditional and range requests. Never leaves the folder: a symbolic
/// link that leads out is 404, as are folders and hidden files (".git"). Error(configuration) if there is no
/// such folder now.
http::Handler static_files(const std::filesystem::path& folder, StaticOptions options = {});

/// Whether a file's name carries a hash of its content.
bool has_content_hash(std::string_view path) noexcept;

}  // namespace mpf::web
