#include <mpf/web/static_files.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>

#include "web/gzip.hpp"

namespace mpf::web {

namespace {

using http::Request;
using http::Response;

constexpr std::string_view for_a_year = "public, max-age=31536000, immutable";
constexpr std::string_view revalidated = "no-cache";
constexpr std::size_t worth_compressing = 1024;

struct PreparedFile {
  std::string content_type;
  std::string etag;
  std::shared_ptr<const std::string> content;
  std::shared_ptr<const std::string> gzip;  // null where it is no smaller
  bool immutable = false;
};

PreparedFile prepare(std::string_view path, std::string_view content) {
  PreparedFile file;
  file.content_type = http::content_type_for(path);
  file.etag = sha256(content).substr(0, 32);
  file.content = std::make_shared<const std::string>(content);
  file.immutable = has_content_hash(path);
  if (content.size() >= worth_compressing && content.size() < 64u * 1024 * 1024 &&
      is_text(file.content_type)) {
    std::string smaller = gzip(content, 9);
    if (!smaller.empty()) file.gzip = std::make_shared<const std::string>(std::move(smaller));
  }
  return file;
}

Response answer(const PreparedFile& file, const Request& request) {
  Response response;
  response.headers.add("Content-Type", file.content_type);
  response.headers.add("Cache-Control", file.immutable ? for_a_year : revalidated);
  const bool compressed = file.gzip && accepts_gzip(request);
  if (file.gzip) response.headers.add("Vary", "Accept-Encoding");
  if (compressed) response.headers.add("Content-Encoding", "gzip");
  response.headers.add("ETag", "\"" + file.etag + (compressed ? "-gz\"" : "\""));
  response.shared_body = compressed ? file.gzip : file.content;
  return response;
}

[[noreturn]] void no_such_file(std::string_view path) {
  throw Error(ErrorKind::not_found, "no static file '" + std::string(path.substr(0, 200)) + "'");
}

/// The file of a folder that a path means; nothing when it is none or lies outside. Blocks.
std::optional<std::filesystem::path> find_in_folder(const std::filesystem::path& folder,
                                                    std::string_view path) {
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment.front() == '.') return std::nullopt;
  }
  std::error_code error;
  auto found = std::filesystem::canonical(folder / path, error);
  if (error || !std::filesystem::is_regular_file(found, error)) return std::nullopt;
  const auto [folder_end, unused] = std::mismatch(folder.begin(), folder.end(), found.begin(), found.end());
  if (folder_end != folder.end()) return std::nullopt;
  return found;
}

}  // namespace

bool has_content_hash(std::string_view path) noexcept {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot < 10 || name[dot - 9] != '-') return false;
  const std::string_view hash = name.substr(dot - 8, 8);
  bool mixed = false;  // has what an English word has not
  for (const char c : hash) {
    const bool digit = c >= '0' && c <= '9';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    if (!digit && !upper && !lower && c != '_' && c != '-') return false;
    mixed = mixed || digit || upper || c == '_';
  }
  return mixed;
}

http::Handler static_files(const EmbeddedFiles& files, StaticOptions options) {
  const std::string prefix = options.prefix.empty() ? "" : options.prefix + "/";
  auto prepared = std::make_shared<std::map<std::string, PreparedFile, std::less<>>>();
  for (const auto& file : files.files()) {
    if (!file.path.starts_with(prefix)) continue;
    const std::string_view path = file.path.substr(prefix.size());
    prepared->emplace(path, prepare(path, file.content));
  }
  return [prepared =
              std::shared_ptr<const std::map<std::string, PreparedFile, std::less<>>>(std::move(prepared)),
          options = std::move(options)](const Request& request) {
    const std::string& path = request.param(options.parameter);
    const auto it = prepared->find(path.empty() ? options.index : path);
    if (it == prepared->end()) no_such_file(path);
    return answer(it->second, request);
  };
}

http::Handler static_files(const std::filesystem::path& folder, StaticOptions options) {
  std::error_code error;
  auto root = std::filesystem::canonical(folder / options.prefix, error);
  if (error || !std::filesystem::is_directory(root, error)) {
    throw Error(ErrorKind::configuration, "folder " + (folder / options.prefix).string() + " does not exist");
  }
  // canonical() leaves no empty last part that would spoil the comparison of parts.
  if (root.filename().empty()) root = root.parent_path();
  return [root = std::move(root), options = std::move(options)](const Request& request) {
    const std::string& path = request.param(options.parameter);
    const std::string wanted = path.empty() ? options.index : path;
    const auto found = fiber::offload([&] { return find_in_folder(root, wanted); });
    if (!found) no_such_file(path);
    auto response = Response::send_file(*found, http::content_type_for(wanted));
    response.headers.add("Cache-Control", has_content_hash(wanted) ? for_a_year : revalidated);
    return response;
  };
}

}  // namespace mpf::web
