#pragma once

#include <tuple>

namespace mpf::orm {

/// Objects that a transaction changes and that live outside of its body: they are as they were before, in
/// all their members, when it is rolled back, and whenever its body runs again. Any copyable type: rows,
/// vectors of them, Tracked, Changeset, counters.
///
///     scope.transaction(orm::keep(article, comments), [&] {
///       scope.insert(article);
///       …
///     }, {.isolation = db::Isolation::serializable, .retries = 5});
///
/// Without it a plain row keeps what a write has set: the id of a row that is not there, a version that was
/// never stored. insert() and update() refuse such a row.
template <class... Objects>
class Kept {
 public:
  explicit Kept(Objects&... objects) : objects_(objects...), before_(objects...) {}

  void restore() const { objects_ = before_; }

 private:
  mutable std::tuple<Objects&...> objects_;
  std::tuple<Objects...> before_;
};

/// The objects must live as long as the call that it is given to.
template <class... Objects>
Kept<Objects...> keep(Objects&... objects) {
  return Kept<Objects...>(objects...);
}

}  // namespace mpf::orm
