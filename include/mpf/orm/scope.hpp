#pragma once

#include <optional>
#include <ranges>
#include <source_location>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/query.hpp>

namespace mpf::orm {

namespace detail {

/// Only complete where it is used: the provider field is the site model's.
template <class T>
consteval bool provider_can_be_told() {
  if constexpr (has_provider_field<T>) {
    return true;
  } else if constexpr (has_site_field<T>) {
    return has_provider_field<site_model_of<T>>;
  } else {
    return false;
  }
}

template <class T, ScopeKind kind>
struct CheckScope : std::true_type {
  static_assert(Model<T>, "this is no model: it has no static model()");
  static_assert(kind != ScopeKind::site || has_site_field<T> || has_provider_field<T>,
                "this model has no tenant field: only a SystemScope may use it");
};
template <class T>
struct CheckScope<T, ScopeKind::provider> : std::true_type {
  static_assert(provider_can_be_told<T>(),
                "neither this model nor its site has a provider_tenant field: only a SystemScope may use it");
};

/// What all scopes can do. A small value: copy it freely. Usable from any fiber; the database must outlive
/// it. Each call is one statement of its own, or part of the fiber's open transaction.
template <ScopeKind kind>
class BasicScope {
 public:
  template <class T>
  Query<T> query(std::source_location origin = std::source_location::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    return Query<T>(QueryCore(data_, model_info<T>()).at(origin));
  }

  /// The row of that id, or Error(not_found): for an id that does not exist and for one that the scope does
  /// not see alike.
  template <class T>
  T get(Id id) const {
    static_assert(check<CheckScope<T, kind>>());
    T row{};
    if (!find_row(data_, model_info<T>(), id, &row)) throw_no_row(model_info<T>(), id);
    return row;
  }

  template <class T>
  std::optional<T> find(Id id) const {
    static_assert(check<CheckScope<T, kind>>());
    std::optional<T> row(std::in_place);
    if (!find_row(data_, model_info<T>(), id, &*row)) row.reset();
    return row;
  }

  /// Stores a new row and sets its id, its tenant where that is still none, and its automatic fields. The
  /// row must have no id yet. Throws Error(denied) for a row of another tenant; ValidationError, naming the
  /// member, for text that is too long or no UTF-8 and for a reference to a row that does not exist or
  /// belongs to another tenant; db::ConstraintError for what the database refuses.
  template <class T>
  void insert(T& row) const {
    static_assert(check<CheckScope<T, kind>>());
    insert_row(data_, model_info<T>(), &row);
  }
  /// Returns the row as it was stored.
  template <class T>
    requires(!std::is_lvalue_reference_v<T> && !std::is_const_v<T>)
  T insert(T&& row) const {
    insert(row);
    return std::forward<T>(row);
  }

  /// The same for many rows: all or none, with few statements. Errors name the row: "[3].title".
  template <class T>
  void insert_many(std::span<T> rows) const {
    static_assert(check<CheckScope<T, kind>>());
    insert_rows(data_, model_info<T>(), rows.data(), rows.size(), sizeof(T));
  }
  template <class T>
  void insert_many(std::vector<T>& rows) const {
    insert_many(std::span<T>(rows));
  }

  /// Writes all fields of a row but id, tenant and auto_now_add. Error(not_found) when the scope has no such
  /// row, Error(conflict) when a row version tells that somebody else changed it; else as insert().
  template <class T>
  void update(T& row) const {
    static_assert(check<CheckScope<T, kind>>());
    update_row(data_, model_info<T>(), &row, {});
  }

  /// Writes only these fields: update<&Article::title>(article).
  template <auto First, auto... Rest, class T>
  void update(T& row) const {
    static_assert(check<CheckScope<T, kind>>());
    static_assert((is_described<T, First>() && ... && is_described<T, Rest>()),
                  "this member is not a field of the model");
    static constexpr std::string_view members[] = {member_name<First>, member_name<Rest>...};
    update_row(data_, model_info<T>(), &row, members);
  }

  /// False when the scope has no such row. db::ConstraintError (foreign key) while others refer to it.
  template <class T>
  bool remove(Id id) const {
    static_assert(check<CheckScope<T, kind>>());
    return remove_row(data_, model_info<T>(), id);
  }

  /// Runs fn() or fn(db::Transaction&) in a transaction, or a savepoint of the open one.
  template <class Fn>
  auto transaction(Fn&& fn, db::TransactionOptions options = {}) const {
    if constexpr (std::is_invocable_v<Fn&, db::Transaction&>) {
      return data_.db->transaction(fn, options);
    } else {
      return data_.db->transaction([&](db::Transaction&) { return fn(); }, options);
    }
  }

  db::Database& db() const noexcept { return *data_.db; }
  const Clock& clock() const noexcept { return *data_.clock; }

 protected:
  explicit BasicScope(ScopeData data) : data_(data) {}
  const ScopeData& data() const noexcept { return data_; }

 private:
  ScopeData data_;
};

}  // namespace detail

/// Sees the rows of one site; of models that belong to providers, those of the site's provider.
class SiteScope : public detail::BasicScope<detail::ScopeKind::site> {
 public:
  /// Error(internal) without a site or provider: a scope never means "all".
  SiteScope(db::Database& db, Id site, Id provider, const Clock& clock = Clock::system())
      : BasicScope(detail::site_scope(db, site, provider, clock)) {}

  Id site() const noexcept { return data().site; }
  Id provider() const noexcept { return data().provider; }
};

/// Sees the rows of one provider and of all its sites.
class ProviderScope : public detail::BasicScope<detail::ScopeKind::provider> {
 public:
  ProviderScope(db::Database& db, Id provider, const Clock& clock = Clock::system())
      : BasicScope(detail::provider_scope(db, provider, clock)) {}

  Id provider() const noexcept { return data().provider; }
};

/// Sees everything; for command lines, migrations and what keeps the installation running. Rows still may
/// not refer to those of another tenant.
class SystemScope : public detail::BasicScope<detail::ScopeKind::system> {
 public:
  /// `reason` says why no tenant's scope does; it is logged. Error(internal) when it is empty.
  SystemScope(db::Database& db, std::string_view reason, const Clock& clock = Clock::system())
      : BasicScope(detail::system_scope(db, reason, clock)) {}
};

}  // namespace mpf::orm
