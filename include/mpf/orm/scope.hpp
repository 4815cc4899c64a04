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
#include <mpf/orm/detail/writes.hpp>
#include <mpf/orm/keep.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/tracked.hpp>

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

template <class T, auto... Members>
struct CheckMembers : std::true_type {
  static_assert((is_described<T, Members>() && ...), "this member is not a field of the model");
};
template <auto... Members>
inline constexpr std::string_view member_names[] = {member_name<Members>...};

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
/// it. Each call is one statement of its own, or part of the fiber's open transaction; logs of statements
/// tell where it was called.
template <ScopeKind kind>
class BasicScope {
 public:
  template <class T>
  Query<T> query(Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    return Query<T>(QueryCore(data_, model_info<T>()).at(origin));
  }

  /// The row of that id, or Error(not_found): for an id that does not exist and for one that the scope does
  /// not see alike.
  template <class T>
  T get(Id id, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    T row{};
    if (!find_row(at(origin), model_info<T>(), id, &row)) throw_no_row(model_info<T>(), id);
    return row;
  }

  template <class T>
  std::optional<T> find(Id id, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    std::optional<T> row(std::in_place);
    if (!find_row(at(origin), model_info<T>(), id, &*row)) row.reset();
    return row;
  }

  /// Stores a new row and sets its id, its tenant where that is still none, and its automatic fields. The
  /// row must have no id yet. Throws Error(denied) for a row of another tenant; ValidationError, naming the
  /// member, for text that is too long or no UTF-8 and for a reference to a row that does not exist or
  /// belongs to another tenant; db::ConstraintError for what the database refuses.
  template <class T>
  void insert(T& row, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    insert_row(at(origin), model_info<T>(), &row);
  }
  /// Returns the row as it was stored.
  template <class T>
    requires(!std::is_lvalue_reference_v<T> && !std::is_const_v<T>)
  T insert(T&& row, Origin origin = Origin::current()) const {
    insert(row, origin);
    return std::forward<T>(row);
  }

  /// The same for many rows: all or none. More than a few go to the database in bulk, their ids reserved
  /// before. Errors name the row: "[3].title"; what the database refuses is a db::ConstraintError.
  template <class T>
  void insert_many(std::span<T> rows, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    insert_rows(at(origin), model_info<T>(), {rows.data(), rows.size(), sizeof(T)});
  }
  template <class T>
  void insert_many(std::vector<T>& rows, Origin origin = Origin::current()) const {
    insert_many(std::span<T>(rows), origin);
  }

  /// Stores the row, or updates the one that has the same values in these members, a unique set of the model
  /// (its tenant need not be named): upsert<&User::email>(user). One statement, or for a model that extends
  /// another one transaction; safe against others who do the same. The row gets the id, version and time of
  /// creation of what is stored. Error(conflict) when the other row belongs to another tenant, or is of
  /// another kind.
  template <auto First, auto... Rest, class T>
  void upsert(T& row, Origin origin = Origin::current()) const {
    upsert_many<First, Rest...>(std::span<T>(&row, 1), origin);
  }
  /// All or none, in few statements, whose texts on PostgreSQL are the same for any number of rows: each
  /// column goes as one array, unless one of them is an array or a range itself. ValidationError (unique) for
  /// two rows with the same key.
  template <auto First, auto... Rest, class T>
  void upsert_many(std::span<T> rows, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>, CheckMembers<T, First, Rest...>>());
    upsert_rows(at(origin), model_info<T>(), {rows.data(), rows.size(), sizeof(T)},
                member_names<First, Rest...>);
  }
  template <auto First, auto... Rest, class T>
  void upsert_many(std::vector<T>& rows, Origin origin = Origin::current()) const {
    upsert_many<First, Rest...>(std::span<T>(rows), origin);
  }

  /// The row with these values in a unique set of members, stored now if there was none; true when it was
  /// stored. However many do it at once, one row comes of it. A retired row counts as there.
  template <auto First, auto... Rest, class T>
  std::pair<T, bool> get_or_create(T row, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>, CheckMembers<T, First, Rest...>>());
    const ModelInfo& model = model_info<T>();
    constexpr Key key = member_names<First, Rest...>;
    adopt(at(origin), model, &row);
    for (int attempt = 0; attempt < 5; ++attempt) {
      T found{};
      if (find_row_by(at(origin), model, &row, key, &found)) return {std::move(found), false};
      if (insert_new_row(at(origin), model, &row, key)) return {std::move(row), true};
    }
    throw_not_settled(model);
  }

  /// Stores the row, or changes the one that is there: change(T&) gets it locked, and it is updated.
  template <auto First, auto... Rest, class T, class Change>
  std::pair<T, bool> update_or_create(T row, const Change& change, Origin origin = Origin::current()) const {
    return transaction([&]() -> std::pair<T, bool> {
      auto [found, created] = get_or_create<First, Rest...>(std::move(row), origin);
      if (!created) {
        lock_row(at(origin), model_info<T>(), found.id, &found);
        const T before = found;
        change(found);
        update(found, before, origin);
      }
      return {std::move(found), created};
    });
  }

  /// Writes all fields of a row but id, tenant and auto_now_add. Error(not_found) when the scope has no such
  /// row, Error(conflict) when a row version tells that somebody else changed it; else as insert().
  template <class T>
  void update(T& row, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    update_row(at(origin), model_info<T>(), &row, {});
  }

  /// Writes only these fields: update<&Article::title>(article).
  template <auto First, auto... Rest, class T>
  void update(T& row, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    static_assert(check<CheckMembers<T, First, Rest...>>());
    update_row(at(origin), model_info<T>(), &row, member_names<First, Rest...>);
  }

  /// Writes only what differs from the row as it was; false, without a statement, when nothing does.
  template <class T>
  bool update(T& row, const std::type_identity_t<T>& before, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    const auto members = changed_members(model_info<T>(), &before, &row);
    if (members.empty()) return false;
    update_row(at(origin), model_info<T>(), &row, members);
    return true;
  }
  /// The same for a row that remembers what it was, and what of it is stored for good.
  template <class T>
  bool update(Tracked<T>& row, Origin origin = Origin::current()) const {
    T kept = row.remembered().kept();
    if (!update(row.row(), row.before(), origin)) return false;
    row.remembered().written(*data_.db, std::move(kept));
    return true;
  }

  /// Each row its own values, all or none, in few statements like those of upsert_many(); else as update().
  /// Error(not_found) when one is not there, Error(conflict) when somebody else changed one.
  template <class T>
  void update_many(std::span<T> rows, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    update_rows(at(origin), model_info<T>(), {rows.data(), rows.size(), sizeof(T)}, {});
  }
  template <class T>
  void update_many(std::vector<T>& rows, Origin origin = Origin::current()) const {
    update_many(std::span<T>(rows), origin);
  }
  /// Only these fields.
  template <auto First, auto... Rest, class T>
  void update_many(std::span<T> rows, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>, CheckMembers<T, First, Rest...>>());
    update_rows(at(origin), model_info<T>(), {rows.data(), rows.size(), sizeof(T)},
                member_names<First, Rest...>);
  }
  template <auto First, auto... Rest, class T>
  void update_many(std::vector<T>& rows, Origin origin = Origin::current()) const {
    update_many<First, Rest...>(std::span<T>(rows), origin);
  }

  /// False when the scope has no such row. db::ConstraintError (foreign key) while others refer to it.
  template <class T>
  bool remove(Id id, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    return remove_row(at(origin), model_info<T>(), id);
  }

  /// Sets the field that is orm::retired to now; false when the scope has no such row that is not retired.
  template <class T>
  bool retire(Id id, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    return retire_row(at(origin), model_info<T>(), id, true);
  }
  /// The other way round.
  template <class T>
  bool restore(Id id, Origin origin = Origin::current()) const {
    static_assert(check<CheckScope<T, kind>>());
    return retire_row(at(origin), model_info<T>(), id, false);
  }

  /// Runs fn() or fn(db::Transaction&) in a transaction, or a savepoint of the open one.
  ///
  /// Plain rows know nothing of transactions: one that was written in a transaction which is rolled back
  /// keeps the id and version that it got there, and insert() and update() refuse it. Where fn may run again
  /// (`retries`), or the program goes on after the failure, either fn makes or reads its rows itself, or they
  /// are Tracked or in a Changeset, which notice, or they are named by keep().
  template <class Fn>
  auto transaction(Fn&& fn, db::TransactionOptions options = {},
                   const std::source_location& origin = std::source_location::current()) const {
    if constexpr (std::is_invocable_v<Fn&, db::Transaction&>) {
      return data_.db->transaction(fn, options, origin);
    } else {
      return data_.db->transaction([&](db::Transaction&) { return fn(); }, options, origin);
    }
  }

  /// The same; when it is rolled back, and before fn runs again, the objects are what they were: keep().
  template <class... Objects, class Fn>
  auto transaction(const Kept<Objects...>& kept, Fn&& fn, db::TransactionOptions options = {},
                   const std::source_location& origin = std::source_location::current()) const {
    bool again = false;
    const auto body = [&](db::Transaction& open) {
      if (std::exchange(again, true)) kept.restore();
      if constexpr (std::is_invocable_v<Fn&, db::Transaction&>) {
        return fn(open);
      } else {
        return fn();
      }
    };
    try {
      return data_.db->transaction(body, options, origin);
    } catch (...) {
      kept.restore();
      throw;
    }
  }

  db::Database& db() const noexcept { return *data_.db; }
  const Clock& clock() const noexcept { return *data_.clock; }

  /// For the ORM's own parts.
  const ScopeData& data() const noexcept { return data_; }

 protected:
  explicit BasicScope(ScopeData data) : data_(data) {}

 private:
  /// The statements of a verb say where it was called.
  ScopeData at(const Origin& origin) const {
    ScopeData copy = data_;
    copy.origin = origin;
    return copy;
  }

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
  /// `reason` says why no tenant's scope does; it is logged, with the place. Error(internal) when it is
  /// empty.
  SystemScope(db::Database& db, std::string_view reason, const Clock& clock = Clock::system(),
              const std::source_location& origin = std::source_location::current())
      : BasicScope(detail::system_scope(db, reason, clock, origin)) {}
};

}  // namespace mpf::orm
