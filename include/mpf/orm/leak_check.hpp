#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/any_model.hpp>
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
/// or all that the modules of an application have registered, without a list (Application::models()):
///
///     CHECK(orm::find_leaks(acme, globex, application.models()).empty());
///
/// Models that have sets of rows (orm::Many) are named beside them, so that the sets are walked too:
/// find_leaks<Post, Tag>(acme, globex, models). `mine` is what is put to the test. With two sites of one
/// provider, what belongs to the provider is theirs both.
///
/// Fields that only take certain values need defaults that do. Models without a field that tells the tenant
/// are left alone: no SiteScope compiles with them.
///
/// std::logic_error, naming the model, for what cannot be walked: it has to refer to a model that is not
/// among these, or has sets and was not named. What the database says to a row that cannot be made comes
/// through, as does any error that is no refusal (denied, not found, conflict, invalid).
class LeakCheck {
 public:
  LeakCheck(const SiteScope& mine, const SiteScope& theirs) : mine_(mine.data()), theirs_(theirs.data()) {}

  /// For the test of this test: conditions that keep tenants apart are left out.
  LeakCheck& without_conditions(detail::LeftOut which = detail::LeftOut::everything) {
    mine_.left_out = which;
    return *this;
  }

  /// The leaks: "Article: find() shows it".
  template <class... Models>
  std::vector<std::string> run(std::span<const AnyModel> registered = {}) {
    std::vector<AnyModel> models(registered.begin(), registered.end());
    (models.push_back(AnyModel::of<Models>()), ...);
    const std::vector<Named> named{{&detail::model_info<Models>(), &LeakCheck::probe_sets<Models>}...};
    return walk(std::move(models), named);
  }

  /// The tables of the models that run() has walked.
  const std::set<std::string>& walked() const noexcept { return walked_; }

 private:
  using Rows = std::map<const detail::ModelInfo*, Id>;
  using Values = std::map<std::string_view, db::Param>;  ///< by column
  struct Named {
    const detail::ModelInfo* model;
    void (LeakCheck::*probe_sets)();
  };
  struct Done {};

  std::vector<std::string> walk(std::vector<AnyModel> models, const std::vector<Named>& named);
  /// Places rows into one object and tells whether theirs was among them.
  struct Seen {
    const detail::ModelInfo& model;
    std::shared_ptr<void> row;
    Id id;
    bool found = false;
    detail::RowTarget target();
  };

  std::shared_ptr<void> sample(const AnyModel& model, const Rows& rows, const Values& given = {});
  std::shared_ptr<void> row_of(const detail::ScopeData& scope, const AnyModel& model, Id id) const;
  void make(const AnyModel& model, const detail::ScopeData& scope, Rows& rows);
  void expect(const detail::ModelInfo& model, std::string_view what, const std::function<bool()>& attempt);
  bool is_shared(const detail::ModelInfo& model) const;
  void probe(const AnyModel& model);
  // leak_probes.cpp
  bool shows(const AnyModel& model, const detail::QueryCore& query, Id id, bool stream = false) const;
  std::shared_ptr<void> forged(const AnyModel& model, Id id);
  void probe_queries(const AnyModel& model, Id id);
  void probe_selections(const AnyModel& model, Id id);
  void probe_updates(const AnyModel& model, Id id);
  void probe_removals(const AnyModel& model, Id id);
  void probe_rows_of_theirs(const AnyModel& model, Id id);
  void probe_path(const AnyModel& model, const detail::ColumnInfo& reference, std::string_view column,
                  Id other);

  void probe_references(const AnyModel& model);
  void probe_keys(const AnyModel& model, Id id);

  /// Sets that lead from a row of mine to theirs, in data that was broken around the ORM; and links that
  /// would make them.
  template <class T>
  void probe_sets() {
    const detail::ModelInfo& model = detail::model_info<T>();
    const auto own = own_rows_.find(&model);
    const auto other = rows_.find(&model);
    if (own == own_rows_.end() || other == rows_.end() || own->second == other->second) return;
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
        T their_parent{};
        detail::find_row(theirs_, model, rows_.at(&model), &their_parent);
        const auto linked_by_them = [&] {
          LinksOf<T, member>(theirs_, their_parent).add(other->second);
          return LinksOf<T, member>(mine_, their_parent);
        };
        expect(model, "links of " + name + " are shown", [&] { return !linked_by_them().ids().empty(); });
        expect(model, "links of " + name + " can be removed", [&] { return linked_by_them().clear() != 0; });
        expect(model, "a link of " + name + " can be added to it", [&] {
          const auto tag = own_rows_.find(&detail::model_info<Child>());
          return tag != own_rows_.end() && LinksOf<T, member>(mine_, their_parent).add(tag->second) != 0;
        });
        expect(model, "a link may lead to it by " + name,
               [&] { return LinksOf<T, member>(mine_, parent).add(other->second) != 0; });
        expect(model, "prefetch() of " + name + " shows it", [&] {
          const detail::ModelInfo& links = detail::model_info<Links>();
          Links link{};
          link.*detail::field_at<Links, Way::source>::pointer = Ref<T>(parent.id);
          link.*detail::field_at<Links, Way::target>::pointer = Ref<Child>(other->second);
          detail::take_tenant(model, &parent, links, &link);
          detail::insert_row(unfiltered(mine_), links, &link);
          return shown();
        });
      } else {
        expect(model, "prefetch() of " + name + " shows it", [&] {
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
    scope.left_out = detail::LeftOut::everything;
    return scope;
  }

  detail::ScopeData mine_;
  detail::ScopeData theirs_;
  Rows rows_;
  Rows own_rows_;
  std::set<std::string> walked_;
  std::vector<std::string> leaks_;
  int counter_ = 0;
};

/// What one tenant can see or change of the other's rows: empty when all is well.
template <class... Models>
std::vector<std::string> find_leaks(const SiteScope& mine, const SiteScope& theirs,
                                    std::span<const AnyModel> registered = {}) {
  return LeakCheck(mine, theirs).run<Models...>(registered);
}

}  // namespace mpf::orm
