#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <mpf/base/id.hpp>
#include <mpf/base/json.hpp>

namespace mpf::orm {

using Id = mpf::Id;

namespace detail {
/// Throws Error(internal). `origin` is the member that a query read without loading ("Article::author"), or
/// empty for a reference that no query made.
[[noreturn]] void throw_not_loaded(std::string_view origin, Id id);
}  // namespace detail

/// A reference to a row of another model: its id and, after a query that asked for it, the row itself.
/// Nothing is ever loaded behind the caller's back: without `.with<&Article::author>()` reading the author
/// throws Error(internal) that names what to add.
///
/// As a member it is the column "<member>_id"; std::optional<Ref<T>> is a nullable one. T may be incomplete
/// where the member is declared. Copies share the loaded row, which is immutable.
template <class T>
class Ref {
 public:
  using model_type = T;

  Id id;

  Ref() = default;
  explicit Ref(Id to) : id(to) {}
  explicit Ref(const T& row) : id(row.id) {}

  /// Whether the row itself is here. Assigning another id unloads it.
  bool loaded() const { return row_ && row_->id == id; }

  const T& operator*() const {
    if (!loaded()) detail::throw_not_loaded(origin_, id);
    return *row_;
  }
  const T* operator->() const { return &**this; }

  /// The same row is referred to; loaded or not makes no difference.
  friend bool operator==(const Ref& a, const Ref& b) noexcept { return a.id == b.id; }

  /// For the decoder: where this reference was read from, and the row if it was asked for.
  void bind(std::string_view origin, std::shared_ptr<const T> row = nullptr) {
    origin_ = origin;
    row_ = std::move(row);
  }

 private:
  std::shared_ptr<const T> row_;
  std::string_view origin_;  // static text
};

}  // namespace mpf::orm

/// In JSON a reference is the id.
template <class T>
struct mpf::JsonCodec<mpf::orm::Ref<T>> {
  static void write(auto& writer, const orm::Ref<T>& ref) { JsonCodec<Id>::write(writer, ref.id); }
  static bool read(auto& reader, orm::Ref<T>& ref) {
    Id id;
    if (!JsonCodec<Id>::read(reader, id)) return false;
    ref = orm::Ref<T>(id);
    return true;
  }
};
