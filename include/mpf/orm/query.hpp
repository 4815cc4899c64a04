#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/assignment.hpp>
#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/detail/prefetch.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/orm/selection.hpp>

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
/// Whether the member is a field with one of these options.
template <auto Member, class... Options>
consteval bool field_has_any() {
  if constexpr (Model<member_owner<Member>>) {
    const auto has = []<class F>(const F&) {
      return same_member<F::pointer, Member> && (F::template has<Options> || ...);
    };
    return reflect::apply([has](const auto&... field) { return (has(field) || ...); },
                          fields_of<member_owner<Member>>());
  } else {
    return false;
  }
}
template <auto Member>
consteval bool is_id() {
  if constexpr (Model<member_owner<Member>>) {
    return same_member<Member, &member_owner<Member>::id>;
  } else {
    return false;
  }
}
template <auto Member>
struct CheckSet : std::true_type {
  static_assert(!is_id<Member>() && !field_has_any<Member, Tenant, ProviderTenant, ProviderOrSystem>(),
                "a row keeps its id and its tenant: this field cannot be updated");
  static_assert(!field_has_any<Member, RowVersion, RowKind>(),
                "the version and the kind of a row are set by the ORM alone: this field cannot be updated");
  static_assert(!field_has_any<Member, AutoNowAdd>(),
                "auto_now_add says when a row was made, whatever is done to it later: this field cannot be "
                "updated by a query; BasicScope::update_many<> sets what it names");
};

}  // namespace detail

using LockWait = detail::LockWait;

/// Where a verb is called, for logs and budgets.
using Origin = std::source_location;

/// Which page: the first rows, those after a cursor, or those before one.
struct PageOptions {
  std::size_t size = 20;
  std::string_view after = {};
  std::string_view before = {};
  /// A secret of the application that signs the cursors: nobody makes or changes one without it, and one of
  /// another key is refused. Without a key they only have a checksum.
  std::string_view key = {};
};

/// Rows in the order of the query, and cursors: texts that are safe in a URL, and empty where no more rows
/// are. They hold the values of a row's order terms, readable for who decodes them, and a checksum or
/// signature: Error(invalid) for what this list did not give out.
template <class T>
struct Page {
  std::vector<T> rows;
  std::string previous;
  std::string next;
};

/// A query over the rows of T that a scope sees; made by scope.query<T>(). An immutable value: every step
/// gives another query, which may be kept, copied and extended. Nothing runs before one of the verbs
/// (all, first, page, count, each, select, update, …), and each of them runs one statement.
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

  /// Loads a set (orm::Many), or what a reference leads to, with one statement of its own once the rows are
  /// there. `refine` takes and gives the query of that other model: conditions, order, limit and offset (for
  /// each row by itself), with<> and prefetch<> of its own:
  ///     .prefetch<&Article::comments>([](auto comments) {
  ///       return comments.order_by(f<&Comment::at>).limit(3).template prefetch<&Comment::likes>(); })
  template <auto Member, class Refine = detail::AsIs>
  Query prefetch(Refine refine = {}) const {
    static_assert(detail::check<detail::CheckSetDescribed<T, Member>>());
    return Query(core_.prefetch([refine = std::move(refine)](const detail::ScopeData& scope,
                                                             const std::source_location& origin, void* rows,
                                                             std::size_t count, std::size_t) {
      detail::load_relation<T, Member>(scope, origin, rows, count, refine);
    }));
  }

  /// With what it loads besides, from a replica where there is one, outside of transactions: rows may lag as
  /// far behind as the database's settings allow. Unless the request has written before.
  Query from_replica() const { return Query(core_.from_replica()); }

  /// Also rows that are retired.
  Query with_retired() const { return Query(core_.with_retired()); }

  /// Replaces nothing: later terms decide between rows that are equal in the earlier ones. Terms are
  /// asc<&T::title>, desc<…>, and f<&T::title>.asc() or those of expressions. With a limit, an offset or
  /// first(), rows that are equal in all terms follow their ids.
  template <class... Terms>
  Query order_by(const Terms&... terms) const {
    static_assert(detail::check<detail::CheckOwner<Terms, T>...>());
    detail::QueryCore core = core_;
    ((core = core.order_by(detail::order_of(terms))), ...);
    return Query(std::move(core));
  }

  Query limit(std::size_t rows) const { return Query(core_.limit(rows)); }
  Query offset(std::size_t rows) const { return Query(core_.offset(rows)); }

  /// Of the rows that are equal in these values only the first ones, in the order said before; ids decide
  /// between equals. A later order_by() is not asked which are the first.
  template <class... V>
  Query first_per(std::size_t rows, const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    return Query(core_.first_per({detail::node_of(values)...}, rows));
  }
  template <auto... Members>
  Query distinct_on() const {
    return first_per(1, f<Members>...);
  }

  /// Rows that either, both, or only this one finds. Order, limit and with() are to be said again.
  Query union_with(const Query& other) const { return combined(detail::SetOperation::either, other); }
  Query intersect(const Query& other) const { return combined(detail::SetOperation::both, other); }
  Query except(const Query& other) const { return combined(detail::SetOperation::without, other); }

  /// Holds the rows until the transaction ends: Error(internal) outside of one. Rows that others hold are
  /// waited for, left out, or an Error(unavailable). On SQLite, whose writer has the whole database,
  /// nobody else can hold any: it only makes sure that the transaction is the writer's.
  Query for_update(LockWait wait = LockWait::wait) const {
    return Query(core_.lock(detail::LockStrength::update, wait));
  }
  Query for_share(LockWait wait = LockWait::wait) const {
    return Query(core_.lock(detail::LockStrength::share, wait));
  }

  std::vector<T> all(Origin origin = Origin::current()) const {
    std::vector<T> rows;
    const detail::QueryCore core = core_.at(origin);
    core.fetch(into(rows));
    core.load_sets(rows.data(), rows.size(), sizeof(T));
    return rows;
  }

  std::optional<T> first(Origin origin = Origin::current()) const {
    std::optional<T> row;
    core_.at_most_one().at(origin).fetch(
        {&row, [](void* slot) -> void* { return &static_cast<std::optional<T>*>(slot)->emplace(); }});
    if (row) core_.at(origin).load_sets(&*row, 1, sizeof(T));
    return row;
  }
  /// The first in the opposite order.
  std::optional<T> last(Origin origin = Origin::current()) const {
    return Query(core_.reversed()).first(origin);
  }

  /// The only row. Error(not_found) if there is none, Error(internal) if there are more.
  T one(Origin origin = Origin::current()) const {
    std::optional<T> row = one_or_none(origin);
    if (!row) detail::throw_no_row(core_.model());
    return std::move(*row);
  }
  /// The only row, or nothing. Error(internal) if there are more.
  std::optional<T> one_or_none(Origin origin = Origin::current()) const {
    const bool asks_for_one = core_.limit() && *core_.limit() < 2;
    std::vector<T> rows = asks_for_one ? all(origin) : limit(2).all(origin);
    if (rows.size() > 1) detail::throw_many_rows(core_.model());
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }

  /// A part of the rows, found by the values of the row before it rather than by counting: however far, it
  /// costs what the first one does, and rows that come or go in between shift nothing. The order is the
  /// query's, made total by the id. Error(invalid) for a cursor that no page of this order gave.
  Page<T> page(const PageOptions& options, Origin origin = Origin::current()) const {
    Page<T> page;
    const bool backward = !options.before.empty();
    const detail::PageRequest request{options.size, backward ? options.before : options.after, backward,
                                      options.key};
    detail::PageCursors cursors = core_.at(origin).page(request, into(page.rows));
    if (page.rows.size() > options.size) page.rows.pop_back();
    if (backward) std::reverse(page.rows.begin(), page.rows.end());
    core_.at(origin).load_sets(page.rows.data(), page.rows.size(), sizeof(T));
    page.previous = std::move(cursors.previous);
    page.next = std::move(cursors.next);
    return page;
  }

  std::uint64_t count(Origin origin = Origin::current()) const { return core_.at(origin).count(); }
  bool exists(Origin origin = Origin::current()) const { return core_.at(origin).exists(); }

  /// Calls visit(T&) row by row, at constant memory. The row is reused: move out of it what is to be kept.
  /// visit must not use the database. With sets to load, rows come in portions, their ids being read first.
  template <class Visit>
  void each(Visit&& visit, Origin origin = Origin::current()) const {
    if (core_.prefetches()) {
      detail::each_in_portions<T>(core_.at(origin), visit);
      return;
    }
    struct Context {
      T row{};
      std::remove_reference_t<Visit>* visit;
    } context{{}, &visit};
    core_.at(origin).fetch(
        {&context, [](void* c) -> void* { return &static_cast<Context*>(c)->row; },
         [](void* c) { (*static_cast<Context*>(c)->visit)(static_cast<Context*>(c)->row); }},
        true);
  }

  std::vector<Id> ids(Origin origin = Origin::current()) const { return selection(f<&T::id>).all(origin); }

  /// The values of one field: pluck<&Article::title>().
  template <auto... Path>
  auto pluck(Origin origin = Origin::current()) const {
    return selection(f<Path...>).all(origin);
  }

  /// Values of each row, to be run, combined or used in other queries; see Selection. Fields, also over
  /// references, expressions, conditions, plain values. What may be absent is a std::optional.
  template <class... V>
    requires(sizeof...(V) > 0)
  auto selection(const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    return Selection<T, detail::Selected<V>...>(
        detail::SelectionPlan{.source = core_, .columns = {detail::node_of(values)...}});
  }
  /// Its tuples at once: select<&Article::id, &Article::title>(), select(f<&Article::title>,
  /// f<&Article::author, &User::name>).
  template <auto... Members>
    requires(sizeof...(Members) > 0)
  auto select() const {
    return select(f<Members>...);
  }
  template <class... V>
    requires(sizeof...(V) > 0)
  auto select(const V&... values) const {
    return selection(values...).tuples(core_.origin());
  }
  /// Structs with a description, whose members take the values in order.
  template <class Row, class... V>
  std::vector<Row> select_into(const V&... values) const {
    return selection(values...).template into<Row>(core_.origin());
  }

  /// The rows with values beside them: a std::tuple<T, V…> each.
  template <class... V>
  auto annotate(const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    using Values = std::tuple<detail::Selected<V>...>;
    using Row = std::tuple<T, detail::Selected<V>...>;
    const detail::NodePtr nodes[] = {detail::node_of(values)...};
    std::vector<Row> rows;
    T row{};
    core_.fetch({&row, [](void* slot) -> void* { return slot; }}, false, nodes,
                [&](const db::Row& read, std::size_t column) {
                  Values found;
                  detail::read_values(read, column, found);
                  rows.push_back(std::tuple_cat(std::tuple<T>(std::exchange(row, T{})), std::move(found)));
                });
    return rows;
  }

  /// Aggregates over all rows of the query: const auto [n, most] = query.aggregate(count(), maximum(…)).
  template <class... V>
  auto aggregate(const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    return std::move(Grouped<T>(grouped({})).selection(values...).tuples(core_.origin()).front());
  }

  /// Groups of rows that are equal in these values.
  template <class... V>
  Grouped<T> group_by(const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    return Grouped<T>(grouped({detail::node_of(values)...}));
  }
  template <auto... Members>
    requires(sizeof...(Members) > 0)
  Grouped<T> group_by() const {
    return group_by(f<Members>...);
  }

  /// Sets fields of all rows of the query: update(set<&Article::title>("x")). How many there were.
  template <auto... Members>
  std::uint64_t update(const Assignment<Members>&... values) const {
    check_assignments<Members...>();
    const detail::NewValue list[] = {{detail::column_name<Members>, values.value}...};
    return core_.update(list);
  }
  /// The same; the rows as they are then, in no order.
  template <auto... Members>
  std::vector<T> update_returning(const Assignment<Members>&... values) const {
    check_assignments<Members...>();
    const detail::NewValue list[] = {{detail::column_name<Members>, values.value}...};
    std::vector<T> rows;
    core_.update_returning(list, into(rows));
    return rows;
  }

  /// Deletes all rows of the query. How many there were.
  std::uint64_t remove(Origin origin = Origin::current()) const { return core_.at(origin).remove(); }
  /// The same; the rows as they were, in no order.
  std::vector<T> remove_returning(Origin origin = Origin::current()) const {
    std::vector<T> rows;
    core_.at(origin).remove_returning(into(rows));
    return rows;
  }

  /// The statement of all(), for tests and logs.
  std::string sql() const { return core_.sql(); }
  /// How the database would run it: text for people, which differs from database to database.
  std::string explain(Origin origin = Origin::current()) const { return core_.at(origin).explain(); }

  /// For the ORM's own parts.
  const detail::QueryCore& core() const noexcept { return core_; }

 private:
  static detail::RowTarget into(std::vector<T>& rows) {
    return {&rows, [](void* list) -> void* { return &static_cast<std::vector<T>*>(list)->emplace_back(); }};
  }

  template <auto... Members>
  static consteval void check_assignments() {
    static_assert(detail::check<detail::CheckOwner<Assignment<Members>, T>...>());
    static_assert(detail::check<detail::CheckSet<Members>...>());
  }

  detail::SelectionPlan grouped(std::vector<detail::NodePtr> groups) const {
    return {.source = core_, .grouped = true, .groups = std::move(groups)};
  }

  Query combined(detail::SetOperation operation, const Query& other) const {
    const auto both = [&] {
      const auto left = selection(f<&T::id>);
      const auto right = other.selection(f<&T::id>);
      if (operation == detail::SetOperation::both) return left.intersect(right);
      if (operation == detail::SetOperation::without) return left.except(right);
      return left.union_with(right);
    }();
    detail::QueryCore core(core_.scope(), core_.model());
    return Query(core.at(core_.origin()).where(f<&T::id>.in(both).node()));
  }

  detail::QueryCore core_;
};

/// The query finds anything; its conditions may ask for outer<>() fields.
template <class T>
Condition<void> exists(const Query<T>& query) {
  return exists(query.selection(f<&T::id>));
}

}  // namespace mpf::orm
