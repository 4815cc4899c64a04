#pragma once

#include <optional>
#include <string_view>

#include <mpf/orm/scope.hpp>

/// Models that extend another: each row is a row of the base, with more in a table of its own that shares the
/// id. What all kinds have in common is asked of the base, without the other tables.
///
///     struct Item {
///       orm::Id id;
///       orm::Ref<Site> site;
///       std::string kind;
///       std::string title;
///
///       static constexpr auto model() {
///         return orm::model<Item>("item", orm::field<&Item::site>(orm::tenant),
///                                 orm::field<&Item::kind>(orm::row_kind), orm::field<&Item::title>());
///       }
///     };
///     struct Video : Item {
///       std::int64_t seconds = 0;
///
///       static constexpr auto model() {
///         return orm::model<Video>("video", orm::extends<Item>("video"), orm::field<&Video::seconds>());
///       }
///     };
///
/// A Video is inserted, updated, removed and queried as one, in one transaction; f<&Item::title> and
/// f<&Video::seconds> go together in its queries, and with<> and prefetch<> take the base's references and
/// sets. Its table holds the id, the tenant and the fields of its own; its fields, relations and change log
/// include the base's. Removing the Item removes the Video. The versions, times and retirement of the row are
/// those of the base, wherever something changed. upsert() and get_or_create() take a unique set of the
/// Video's own fields, or one of the Item's: then the row of it may be of another kind, which is an
/// Error(conflict).
///
/// An extension of an extension is one of all of them; the kind is that of the outermost.
namespace mpf::orm {

/// Entry of model(): rows are rows of Base too, called by that name there. A name never changes, for it is
/// stored; each kind of a base has one of its own.
template <class Base>
constexpr ExtendsEntry<Base> extends(std::string_view kind) {
  return {kind};
}

/// "video"
template <class T>
  requires detail::has_base<T>
inline constexpr std::string_view kind_of =
    reflect::get<ExtendsEntry<detail::base_model_of<T>>>(reflect::description_of<T>.others).kind;

namespace detail {

/// The field of Base that tells the kind.
template <class Base>
std::string_view kind_in(const Base& row) {
  std::string_view kind;
  for_each_field<Base>([&](const auto& field) {
    using F = std::remove_cvref_t<decltype(field)>;
    if constexpr (F::template has<RowKind>) kind = row.*F::pointer;
  });
  return kind;
}

template <class T, class Base>
struct CheckKind : std::true_type {
  static_assert(has_base<T>, "this model extends no other: its model() has no extends<>()");
  static_assert(std::is_base_of_v<Base, T>, "this row is of a model that the kind does not extend");
};

}  // namespace detail

/// Whether a row of the base is such a one, without asking the database.
template <class T, class Base>
bool is_a(const Base& row) {
  static_assert(detail::check<detail::CheckKind<T, Base>>());
  return detail::kind_in(row) == kind_of<T>;
}

/// The whole of a row of the base that is such a one; nothing for rows of other kinds, without asking the
/// database, and for rows that the scope does not see any more.
template <class T, class Scope, class Base>
std::optional<T> whole(const Scope& scope, const Base& row) {
  if (!is_a<T>(row)) return std::nullopt;
  return scope.template find<T>(row.id);
}

}  // namespace mpf::orm
