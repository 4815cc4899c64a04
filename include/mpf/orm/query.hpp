#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/expression.hpp>
#include <mpf/orm/model.hpp>

namespace mpf::orm {

namespace detail {

template <class C, class T>
struct CheckCondition : std::false_type {
  static_assert(!std::is_same_v<C, C>, "where() takes a condition such as f<&Model::member> == value");
};
template <AnyCondition C, class T>
struct CheckCondition<C, T> : std::true_type {
  static_assert(std::is_void_v<typename C::root_type> || std::is_base_of_v<typename C::root_type, T>,
                "this condition is on fields of another model than the one queried");
};
template <class Term, class T>
struct CheckOwner : std::true_type {
  static_assert(std::is_base_of_v<typename Term::root_type, T>,
                "this is a field of another model than the one queried");
};
template <class T, auto First, auto... Rest>
struct CheckWith : std::true_type {
  static_assert(std::is_base_of_v<member_owner<First>, T>,
                "this is a field of another model than the one queried");
  static_assert(is_ref<bare<member_type<First>>>, "with<> loads references: this field is no orm::Ref");
};
template <class T, auto First, auto Second, auto... Rest>
  requires is_ref<bare<member_type<First>>>
struct CheckWith<T, First, Second, Rest...>
    : CheckWith<T, First>, CheckWith<typename bare<member_type<First>>::model_type, Second, Rest...> {
  static constexpr bool value = true;
};
template <auto Member>
struct CheckSet : std::true_type {
  static constexpr bool writable = [] {
    if constexpr (Model<member_owner<Member>>) {
      using Owner = member_owner<Member>;
      return std::apply(
          [](const auto&... field) {
            return !((same_member<std::decay_t<decltype(field)>::pointer, Member> &&
                      (std::decay_t<decltype(field)>::template has<Tenant> ||
                       std::decay_t<decltype(field)>::template has<ProviderTenant>)) ||
                     ...) &&
                   !same_member<Member, &Owner::id>;
          },
          fields_of<Owner>());
    }
    return true;
  }();
  static_assert(writable, "a row keeps its id and its tenant: this field cannot be updated");
};

}  // namespace detail

/// A query over the rows of T that a scope sees; made by scope.query<T>(). An immutable value: every step
/// gives another query, which may be kept, copied and extended. Nothing runs before one of the verbs
/// (all, first, one, count, exists, each, select, update, remove), and each of them runs one statement.
///
/// The verbs throw what db::Database::execute() throws.
template <class T>
class Query {
 public:
  explicit Query(detail::QueryCore core) : core_(std::move(core)) {}

  /// Several where() must all hold.
  template <class C>
  Query where(const C& condition) const {
    static_assert(detail::check<detail::CheckCondition<C, T>>());
    if constexpr (detail::AnyCondition<C>) {
      return Query(core_.where(condition.node()));
    } else {
      return *this;
    }
  }

  /// Loads the row that a reference leads to, and those on the way to it, with the same statement. Rows
  /// that the scope may not see stay unloaded.
  template <auto... Members>
  Query with() const {
    static_assert(detail::check<detail::CheckWith<T, Members...>>());
    return Query(core_.with(detail::hops_of<Members...>));
  }

  /// Replaces nothing: later terms decide between rows that are equal in the earlier ones. With a limit, an
  /// offset or first(), rows that are equal in all terms follow their ids.
  template <class... Terms>
  Query order_by(const Terms&... terms) const {
    static_assert(detail::check<detail::CheckOwner<Terms, T>...>());
    detail::QueryCore core = core_;
    ((core = core.order_by(*Terms::path, terms.descending)), ...);
    return Query(std::move(core));
  }

  Query limit(std::size_t rows) const { return Query(core_.limit(rows)); }
  Query offset(std::size_t rows) const { return Query(core_.offset(rows)); }

  std::vector<T> all() const {
    std::vector<T> rows;
    core_.fetch(
        {&rows, [](void* list) -> void* { return &static_cast<std::vector<T>*>(list)->emplace_back(); }});
    return rows;
  }

  std::optional<T> first() const {
    std::optional<T> row;
    core_.limit(1).fetch(
        {&row, [](void* slot) -> void* { return &static_cast<std::optional<T>*>(slot)->emplace(); }});
    return row;
  }

  /// The only row. Error(not_found) if there is none, Error(internal) if there are more.
  T one() const {
    std::vector<T> rows = limit(2).all();
    if (rows.empty()) detail::throw_no_row(core_.model());
    if (rows.size() > 1) detail::throw_many_rows(core_.model());
    return std::move(rows.front());
  }

  std::uint64_t count() const { return core_.count(); }
  bool exists() const { return core_.exists(); }

  /// Calls visit(T&) row by row, at constant memory. The row is reused: move out of it what is to be kept.
  /// visit must not use the database.
  template <class Visit>
  void each(Visit&& visit) const {
    struct Context {
      T row{};
      std::remove_reference_t<Visit>* visit;
    } context{{}, &visit};
    core_.fetch({&context, [](void* c) -> void* { return &static_cast<Context*>(c)->row; },
                 [](void* c) { (*static_cast<Context*>(c)->visit)(static_cast<Context*>(c)->row); }});
  }

  /// Only these fields of each row: select<&Article::id, &Article::title>().
  template <auto... Members>
    requires(sizeof...(Members) > 0)
  auto select() const {
    return select(f<Members>...);
  }
  /// Also over references: select(f<&Article::title>, f<&Article::author, &User::name>). A field that may be
  /// absent is a std::optional.
  template <class... Fields>
    requires(sizeof...(Fields) > 0)
  auto select(const Fields&...) const {
    static_assert(detail::check<detail::CheckOwner<Fields, T>...>());
    using Row = std::tuple<std::conditional_t<Fields::nullable, std::optional<typename Fields::value_type>,
                                              typename Fields::value_type>...>;
    const detail::ColumnPath* const paths[] = {Fields::path...};
    std::vector<Row> rows;
    core_.project(paths, [&rows](const db::Row& row) {
      std::apply([&row, column = std::size_t{0}](
                     auto&... value) mutable { (detail::read_column(row, column++, value), ...); },
                 rows.emplace_back());
    });
    return rows;
  }

  /// Sets fields of all rows of the query: update(set<&Article::title>("x")). How many there were.
  template <auto... Members>
  std::uint64_t update(const Assignment<Members>&... values) const {
    static_assert(detail::check<detail::CheckOwner<Assignment<Members>, T>...>());
    static_assert(detail::check<detail::CheckSet<Members>...>());
    const detail::NewValue list[] = {{detail::column_name<Members>, values.value}...};
    return core_.update(list);
  }

  /// Deletes all rows of the query. How many there were.
  std::uint64_t remove() const { return core_.remove(); }

  /// The statement of all(), for tests and logs.
  std::string sql() const { return core_.sql(); }

 private:
  detail::QueryCore core_;
};

}  // namespace mpf::orm
