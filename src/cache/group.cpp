#include <mpf/cache/group.hpp>

#include <functional>
#include <utility>

#include <mpf/base/error.hpp>

namespace mpf::cache {

namespace {

void check_name(std::string_view name) {
  if (name.empty() || name.find('/') != std::string_view::npos) {
    throw Error(ErrorKind::internal, "a cache group's name must not be empty nor contain \"/\", got \"" +
                                         std::string(name) + "\"");
  }
}

}  // namespace

std::uint64_t hash_path(std::string_view path) noexcept { return std::hash<std::string_view>{}(path); }

Group Group::system(std::string_view name) {
  check_name(name);
  auto data = std::make_shared<Data>();
  data->path = name;
  data->chain.push_back(hash_path(name));
  return Group(std::move(data));
}

Group Group::child(std::string_view name) const {
  check_name(name);
  auto data = std::make_shared<Data>();
  data->path.reserve(path().size() + 1 + name.size());
  data->path.append(path()).append(1, '/').append(name);
  data->chain = data_->chain;
  data->chain.push_back(hash_path(data->path));
  return Group(std::move(data));
}

}  // namespace mpf::cache
