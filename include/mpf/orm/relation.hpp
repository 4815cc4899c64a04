#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/base/json.hpp>
#include <mpf/base/reflect.hpp>

/// Sets of rows that belong to a row: members that are no columns, described in model() and loaded only by
/// `.prefetch<&Article::comments>()`, with one query a relation:
///
///     struct Article {
///       orm::Id id;
///       std::string title;
///       orm::Many<Comment> comments;  // the rows of Comment whose orm::Ref<Article> is this row
///       orm::Many<Tag> tags;          // by a table of links that the framework keeps
///
///       static constexpr auto model() {
///         return orm::model<Article>("article", orm::field<&Article::title>(),
///                                    orm::many<&Article::comments>(), orm::links<&Article::tags>());
///       }
///     };
///
/// Of two models one is declared before the other; sets need no more than a forward declaration.
namespace mpf::orm {

namespace detail {
/// Throws Error(internal). `origin` is the member that a query left unloaded, or null for a row that no query
/// made.
[[noreturn]] void throw_set_not_loaded(const std::string_view* origin);
}  // namespace detail

/// The rows on the other side of a relation, once a query has loaded them; reading them before throws
/// Error(internal) that names the prefetch to add. Immutable; copies share the rows. T may be incomplete
/// where the member is declared.
template <class T>
class Many {
 public:
  using model_type = T;

  bool loaded() const noexcept { return rows_ != nullptr; }

  const std::vector<T>& rows() const {
    if (!rows_) detail::throw_set_not_loaded(origin_);
    return *rows_;
  }
  auto begin() const { return rows().begin(); }
  auto end() const { return rows().end(); }
  std::size_t size() const { return rows().size(); }
  bool empty() const { return rows().empty(); }
  const T& operator[](std::size_t index) const { return rows().at(index); }

  /// For the decoder: which member this is (static text), and the rows if they were asked for.
  void bind(const std::string_view* origin) noexcept { origin_ = origin; }
  void load(std::shared_ptr<const std::vector<T>> rows) noexcept { rows_ = std::move(rows); }

 private:
  std::shared_ptr<const std::vector<T>> rows_;
  const std::string_view* origin_ = nullptr;
};

template <auto Member, auto Reference>
struct ManyEntry {
  static constexpr auto pointer = Member;
  std::string_view by;
};
template <auto Member, class Through>
struct LinksEntry {
  static constexpr auto pointer = Member;
  using through = Through;
  std::string_view source;
  std::string_view target;
};
template <auto Member, auto Of>
struct LinkedEntry {
  static constexpr auto pointer = Member;
};

/// Entry of model(): the rows whose reference leads here. The reference is found by itself where there is
/// one; where several lead here it is named, by member (many<&User::written, &Article::author>()) or, where
/// that model is not complete yet, by text (many<&User::written>("author")), which the compiler checks where
/// the set is used.
template <auto Member, auto Reference = nullptr>
constexpr ManyEntry<Member, Reference> many(std::string_view by = {}) {
  return {by};
}

/// Entry of model(): many-to-many by a table of its own, "<table>_<member>", whose model is
/// orm::Link<&Article::tags>: register it beside the two models.
template <auto Member>
constexpr LinksEntry<Member, void> links() {
  return {};
}
/// The same by a model of the application with two references. They are found by themselves; between rows of
/// one model they are named: links<&User::following, Follow>("follower", "followed").
template <auto Member, class Through>
constexpr LinksEntry<Member, Through> links(std::string_view source = {}, std::string_view target = {}) {
  return {source, target};
}

/// Entry of model(): the other side of links: linked<&Tag::articles, &Article::tags>().
template <auto Member, auto Of>
constexpr LinkedEntry<Member, Of> linked() {
  return {};
}

namespace detail {

template <class>
inline constexpr bool is_many = false;
template <class T>
inline constexpr bool is_many<Many<T>> = true;

template <class>
inline constexpr bool is_relation = false;
template <auto Member, auto Reference>
inline constexpr bool is_relation<ManyEntry<Member, Reference>> = is_many<member_type<Member>>;
template <auto Member, class Through>
inline constexpr bool is_relation<LinksEntry<Member, Through>> = is_many<member_type<Member>>;
template <auto Member, auto Of>
inline constexpr bool is_relation<LinkedEntry<Member, Of>> = is_many<member_type<Member>>;

}  // namespace detail

}  // namespace mpf::orm

/// In JSON a loaded set is an array; it is not read.
template <class T>
struct mpf::JsonCodec<mpf::orm::Many<T>> {
  static void write(auto& writer, const orm::Many<T>& set) {
    writer.begin_array();
    for (const T& row : set) mpf::detail::json_write(writer, row);
    writer.end_array();
  }
  static bool read(auto& reader, orm::Many<T>&) {
    return reader.error("read_only", "cannot be set with the row");
  }
};
