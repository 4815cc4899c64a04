#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpf::cache {

/// What cached values depend on. Groups chain: a bump of "content" outdates all values in it and in the
/// groups below it ("content/provider:1", "content/provider:1/site:3", …), without listing any of them.
/// An immutable value, cheap to copy.
class Group {
 public:
  /// The top of a chain. Names are not empty and have no "/"; Error(internal) otherwise.
  static Group system(std::string_view name);

  /// A group below this one.
  Group child(std::string_view name) const;

  /// "content/provider:1/site:3"
  const std::string& path() const noexcept { return data_->path; }

  /// A hash for each group of the chain, the top first, this group's own last.
  std::span<const std::uint64_t> chain() const noexcept { return data_->chain; }

  bool operator==(const Group& other) const noexcept { return path() == other.path(); }

 private:
  struct Data {
    std::string path;
    std::vector<std::uint64_t> chain;
  };
  explicit Group(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

/// The hash that Group::chain() has for the last group of a path.
std::uint64_t hash_path(std::string_view path) noexcept;

}  // namespace mpf::cache
