#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/detail/remembered.hpp>
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
///
/// When a transaction or savepoint is rolled back, what update() wrote in it counts as changed again, and the
/// version is the one that is stored: the object can be written again, also by a transaction that runs again
/// (TransactionOptions::retries). What the program has put into the fields stays. Copies are on their own:
/// one that was made inside of the transaction is not taken back. Belongs to one fiber at a time; what was
/// moved from can only be assigned to.
template <class T>
class Tracked {
 public:
  explicit Tracked(T row) : remembered_(std::move(row)) {}

  T& operator*() noexcept { return remembered_.row(); }
  T* operator->() noexcept { return &remembered_.row(); }
  const T& operator*() const noexcept { return remembered_.row(); }
  const T* operator->() const noexcept { return &remembered_.row(); }
  T& row() noexcept { return remembered_.row(); }
  const T& before() const noexcept { return *remembered_.before(); }

  std::vector<std::string_view> changes() const { return changes_since(before(), remembered_.row()); }
  /// As it was.
  void reset() { remembered_.row() = before(); }
  /// What it is now is what it was: BasicScope::update() does it.
  void settle() { remembered_.before() = remembered_.row(); }

  /// For the ORM's own parts.
  const detail::Remembered<T>& remembered() const noexcept { return remembered_; }

 private:
  detail::Remembered<T> remembered_;
};

}  // namespace mpf::orm
