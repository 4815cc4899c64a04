#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/detail/writes.hpp>

namespace mpf::orm {

/// The names of the members in which a row differs from what it was, without id, tenant, version and
/// automatic times. Sets and loaded rows don't count.
template <class T>
std::vector<std::string_view> changes_since(const T& before, const T& now) {
  return detail::changed_members(detail::model_info<T>(), &before, &now);
}

/// A row that remembers what it was, so that only what changed is written:
///
///     orm::Tracked article(scope.get<Article>(id));
///     article->title = title;
///     scope.update(article);  // UPDATE … SET title, changed_at
template <class T>
class Tracked {
 public:
  explicit Tracked(T row) : row_(std::move(row)), before_(row_) {}

  T& operator*() noexcept { return row_; }
  T* operator->() noexcept { return &row_; }
  const T& operator*() const noexcept { return row_; }
  const T* operator->() const noexcept { return &row_; }
  T& row() noexcept { return row_; }
  const T& before() const noexcept { return before_; }

  std::vector<std::string_view> changes() const { return changes_since(before_, row_); }
  /// As it was.
  void reset() { row_ = before_; }
  /// What it is now is what it was: BasicScope::update() does it.
  void settle() { before_ = row_; }

 private:
  T row_;
  T before_;
};

}  // namespace mpf::orm
