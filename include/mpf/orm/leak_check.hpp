#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/batch.hpp>
#include <mpf/orm/links.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::orm {

/// Walks models as two tenants, for tests: makes a row of each model for the other tenant, tries everything
/// that a scope can do with it as the first one, and tells what should not have worked. All in a transaction
/// that is rolled back.
///
///     CHECK(orm::find_leaks<Site, User, Article>(acme, globex).empty());
///
/// Models are named after those that they refer to; fields that only take certain values need defaults that
/// do. `mine` is what is put to the test.
class LeakCheck {
 public:
  LeakCheck(const SiteScope& mine, const SiteScope& theirs) : mine_(mine.data()), theirs_(theirs.data()) {}

  /// For the test of this test: the conditions that keep tenants apart are left out.
  LeakCheck& without_conditions() {
    mine_.unfiltered = true;
    return *this;
  }

  template <class... Models>
  std::vector<std::string> run() {
    struct Undo {};
    try {
      theirs_.db->transaction([&](db::Transaction&) {
        (make<Models>(theirs_, rows_), ...);
        (make<Models>(mine_, own_rows_), ...);
        (probe<Models>(), ...);
        throw Undo();
      });
    } catch (const Undo&) {
    }
    return std::exchange(leaks_, {});
  }

 private:
  /// A row with a value in each field: texts that differ, references to the rows made before.
  template <class T>
  T sample(const std::map<const void*, Id>& rows, bool& complete) {
    T row{};
    ++counter_;
    for_each_field<T>([&](const auto& field) {
      using F = std::remove_cvref_t<decltype(field)>;
      using Type = typename F::type;
      auto& member = row.*F::pointer;
      if constexpr (F::template has<Tenant> || F::template has<ProviderTenant> ||
                    F::template has<ProviderOrSystem>) {
        return;  // the scope fills it in
      } else if constexpr (std::is_same_v<Type, std::string>) {
        member = std::to_string(counter_);
      } else if constexpr (detail::is_ref<detail::bare<Type>>) {
        using Target = typename detail::bare<Type>::model_type;
        const auto found = rows.find(&detail::model_info<Target>());
        if (found != rows.end()) {
          member = Ref<Target>(found->second);
        } else if constexpr (!detail::is_optional<Type>) {
          complete = false;
        }
      }
    });
    return row;
  }

  using Rows = std::map<const void*, Id>;

  template <class T>
  void make(const detail::ScopeData& scope, Rows& rows) {
    const detail::ModelInfo& model = detail::model_info<T>();
    if (model.site == detail::no_column && model.provider == detail::no_column) return;
    if (model.site == model.id) {
      rows[&model] = scope.site;
      return;
    }
    if (model.provider == model.id) {
      rows[&model] = scope.provider;
      return;
    }
    bool complete = true;
    T row = sample<T>(rows, complete);
    if (!complete) {
      throw std::logic_error("find_leaks(): name the models that " + std::string(model.type_name) +
                             " refers to before it");
    }
    if (model.provider != detail::no_column) model.columns[model.provider].set(&row, scope.provider.value);
    detail::insert_row(scope, model, &row);
    rows[&model] = row.id;
  }

  template <class Attempt>
  void expect(const detail::ModelInfo& model, const char* what, const Attempt& attempt) {
    bool leaked = false;
    try {
      // A savepoint: what went through must not be in the way of the next.
      theirs_.db->transaction([&](db::Transaction&) {
        leaked = attempt();
        throw Done();
      });
    } catch (const Done&) {
    } catch (const Error&) {
      leaked = false;  // refused
    }
    if (leaked) leaks_.push_back(std::string(model.type_name) + ": " + what);
  }

  template <class T>
  void probe() {
    const detail::ModelInfo& model = detail::model_info<T>();
    const auto made = rows_.find(&model);
    if (made == rows_.end()) return;
    const Id id = made->second;
    const Query<T> all(detail::QueryCore(mine_, model));
    const Query<T> one = all.where(f<&T::id> == id);
    const auto shown = [&](const std::vector<T>& rows) {
      for (const T& row : rows) {
        if (row.id == id) return true;
      }
      return false;
    };
    T row{};
    detail::find_row(theirs_, model, id, &row);
    expect(model, "all() shows it", [&] { return shown(all.with_retired().all()); });
    expect(model, "all() with a condition shows it", [&] { return shown(one.all()); });
    expect(model, "a condition with || shows it",
           [&] { return shown(all.where(f<&T::id> == id || !(f<&T::id> == id)).all()); });
    expect(model, "each() shows it", [&] {
      bool seen = false;
      all.each([&](T& each) { seen = seen || each.id == id; });
      return seen;
    });
    expect(model, "first() shows it", [&] { return one.first().has_value(); });
    expect(model, "count() counts it", [&] { return one.count() != 0; });
    expect(model, "exists() finds it", [&] { return one.exists(); });
    expect(model, "select() shows it", [&] { return !one.template select<&T::id>().empty(); });
    expect(model, "find() shows it", [&] {
      T into{};
      return detail::find_row(mine_, model, id, &into);
    });
    expect(model, "update() changes it", [&] {
      T changed = row;
      detail::update_row(mine_, model, &changed, {});
      return true;
    });
    expect(model, "update_many() changes it", [&] {
      T changed = row;
      detail::update_rows(mine_, model, {&changed, 1, sizeof(T)}, {});
      return true;
    });
    expect(model, "remove() deletes it", [&] { return detail::remove_row(mine_, model, id); });
    expect(model, "remove() of a query deletes it", [&] { return one.remove() != 0; });
    if (model.retired != detail::no_column) {
      expect(model, "retire() retires it", [&] { return detail::retire_row(mine_, model, id, true); });
    }
    probe_references<T>(model);
    probe_keys<T>(model, id, row);
    probe_sets<T>(model, row);
  }

  /// A new row of mine that refers to theirs, by each reference in turn.
  template <class T>
  void probe_references(const detail::ModelInfo& model) {
    if (model.site == model.id || model.provider == model.id) return;
    for_each_field<T>([&](const auto& field) {
      using F = std::remove_cvref_t<decltype(field)>;
      using Type = detail::bare<typename F::type>;
      if constexpr (detail::is_ref<Type> && !F::template has<Tenant> && !F::template has<ProviderTenant> &&
                    !F::template has<ProviderOrSystem>) {
        const detail::ModelInfo& target = detail::model_info<typename Type::model_type>();
        const auto other = rows_.find(&target);
        if (other == rows_.end()) return;
        // A site's row may show that of another site's provider only if it is the same provider.
        if (target.site == detail::no_column && mine_.provider == theirs_.provider) return;
        expect(model, (std::string("a row may refer to it by ") + std::string(field.name())).c_str(), [&] {
          bool complete = true;
          T row = sample<T>(own_rows_, complete);
          row.*F::pointer = Type(other->second);
          detail::insert_row(mine_, model, &row);
          return true;
        });
      }
    });
  }

  /// A new row of mine with the unique values of theirs.
  template <class T>
  void probe_keys(const detail::ModelInfo& model, Id id, const T& theirs) {
    if (model.site == model.id || model.provider == model.id || model.base) return;
    for (const Index& index : model.table.indexes) {
      if (!index.unique || index.where || !index.expressions.empty()) continue;
      std::vector<std::string_view> key;
      bool complete = true;
      T same = sample<T>(own_rows_, complete);
      for_each_field<T>([&](const auto& field) {
        using F = std::remove_cvref_t<decltype(field)>;
        if constexpr (!F::template has<Tenant> && !F::template has<ProviderTenant> &&
                      !F::template has<ProviderOrSystem>) {
          const std::string_view column = detail::column_name<F::pointer>;
          if (std::ranges::find(index.columns, column) == index.columns.end()) return;
          key.push_back(mpf::member_name<F::pointer>);
          same.*F::pointer = theirs.*F::pointer;
        }
      });
      if (key.empty()) continue;
      expect(model, "upsert() takes it over", [&] {
        T copy = same;
        detail::upsert_rows(mine_, model, {&copy, 1, sizeof(T)}, key);
        return copy.id == id;
      });
      expect(model, "get_or_create() shows it", [&] {
        T copy = same;
        T found{};
        detail::adopt(mine_, model, &copy);
        return detail::find_row_by(mine_, model, &copy, key, &found) && found.id == id;
      });
    }
  }

  /// Sets that lead from a row of mine to theirs, in data that was broken around the ORM; and links that
  /// would make them.
  template <class T>
  void probe_sets(const detail::ModelInfo& model, const T& theirs) {
    const auto own = own_rows_.find(&model);
    if (own == own_rows_.end() || own->second == theirs.id) return;
    T parent{};
    if (!detail::find_row(mine_, model, own->second, &parent)) return;
    reflect::apply([&](const auto&... entry) { (probe_set<T>(model, parent, entry), ...); },
                   reflect::description_of<T>.others);
  }

  template <class T, class Entry>
  void probe_set(const detail::ModelInfo& model, const T& parent, const Entry&) {
    if constexpr (detail::is_relation<Entry>) {
      constexpr auto member = Entry::pointer;
      using Way = detail::way_of<T, member>;
      using Child = typename Way::child;
      const auto other = rows_.find(&detail::model_info<Child>());
      if (other == rows_.end()) return;
      const std::string name(mpf::member_name<member>);
      const auto shown = [&] {
        std::vector<T> rows = Query<T>(detail::QueryCore(mine_, model))
                                  .where(f<&T::id> == parent.id)
                                  .with_retired()
                                  .template prefetch<member>()
                                  .all();
        for (const T& row : rows) {
          for (const Child& child : row.*member) {
            if (child.id == other->second) return true;
          }
        }
        return false;
      };
      if constexpr (Way::linked) {
        using Links = typename Way::through;
        expect(model, ("a link may lead to it by " + name).c_str(),
               [&] { return LinksOf<T, member>(mine_, parent).add(other->second) != 0; });
        expect(model, ("prefetch() of " + name + " shows it").c_str(), [&] {
          const detail::ModelInfo& links = detail::model_info<Links>();
          Links link{};
          link.*detail::field_at<Links, Way::source>::pointer = Ref<T>(parent.id);
          link.*detail::field_at<Links, Way::target>::pointer = Ref<Child>(other->second);
          detail::take_tenant(model, &parent, links, &link);
          detail::insert_row(unfiltered(mine_), links, &link);
          return shown();
        });
      } else {
        expect(model, ("prefetch() of " + name + " shows it").c_str(), [&] {
          const detail::ModelInfo& children = detail::model_info<Child>();
          Child child{};
          detail::find_row(theirs_, children, other->second, &child);
          child.*detail::field_at<Child, Way::reference>::pointer = Ref<T>(parent.id);
          detail::update_row(unfiltered(theirs_), children, &child, {});
          return shown();
        });
      }
    }
  }

  static detail::ScopeData unfiltered(detail::ScopeData scope) {
    scope.unfiltered = true;
    return scope;
  }

  struct Done {};

  detail::ScopeData mine_;
  detail::ScopeData theirs_;
  Rows rows_;
  Rows own_rows_;
  std::vector<std::string> leaks_;
  int counter_ = 0;
};

/// What one tenant can see or change of the other's rows: empty when all is well.
template <class... Models>
std::vector<std::string> find_leaks(const SiteScope& mine, const SiteScope& theirs) {
  return LeakCheck(mine, theirs).run<Models...>();
}

}  // namespace mpf::orm
