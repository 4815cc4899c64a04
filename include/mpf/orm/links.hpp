#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <mpf/orm/detail/relation_info.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::orm {

/// The links of one row, to change them; made by links_of<&Article::tags>(scope, article). All changes are
/// those of a scope: both sides must be of the tenant. Each call is a transaction.
template <class T, auto Member>
class LinksOf {
  using Way = detail::way_of<T, Member>;
  static_assert(Way::linked, "only links<> and linked<> have a table of links: write the reference instead");
  using L = typename Way::through;
  static constexpr auto source = detail::field_at<L, Way::source>::pointer;
  static constexpr auto target = detail::field_at<L, Way::target>::pointer;

 public:
  using Child = typename Way::child;

  LinksOf(const detail::ScopeData& scope, const T& row) : scope_(scope), row_(row) {}

  /// Those that are linked already stay. How many were added. ValidationError for rows that don't exist here.
  std::uint64_t add(std::span<const Id> ids) const {
    std::vector<L> links(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      detail::take_tenant(detail::model_info<T>(), &row_, detail::model_info<L>(), &links[i]);
      links[i].*source = member_type<source>(row_.id);  // of T, or of what T extends
      links[i].*target = Ref<Child>(ids[i]);
    }
    return detail::insert_missing_rows(scope_, detail::model_info<L>(),
                                       {links.data(), links.size(), sizeof(L)},
                                       detail::member_names<source, target>);
  }
  std::uint64_t add(Id id) const { return add(std::span<const Id>(&id, 1)); }

  /// How many were linked.
  std::uint64_t remove(std::span<const Id> ids) const { return mine().where(f<target>.in(ids)).remove(); }
  std::uint64_t remove(Id id) const { return remove(std::span<const Id>(&id, 1)); }
  std::uint64_t clear() const { return mine().remove(); }

  /// Links these and no others; links that stay are not touched.
  void set(std::span<const Id> ids) const {
    scope_.db->transaction([&](db::Transaction&) {
      std::vector<Id> gone;
      std::vector<Id> wanted(ids.begin(), ids.end());
      for (const auto& [id] : mine().select(f<target>)) {
        const auto kept = std::ranges::find(wanted, id.id);
        if (kept == wanted.end()) {
          gone.push_back(id.id);
        } else {
          wanted.erase(kept);
        }
      }
      if (!gone.empty()) remove(std::span<const Id>(gone));
      if (!wanted.empty()) add(std::span<const Id>(wanted));
    });
  }

  std::vector<Id> ids() const {
    std::vector<Id> found;
    for (const auto& [id] : mine().order_by(asc<&L::id>).select(f<target>)) found.push_back(id.id);
    return found;
  }

 private:
  Query<L> mine() const {
    return Query<L>(detail::QueryCore(scope_, detail::model_info<L>())).where(f<source> == row_.id);
  }

  detail::ScopeData scope_;
  T row_;
};

template <auto Member, detail::ScopeKind kind, class T>
LinksOf<T, Member> links_of(const detail::BasicScope<kind>& scope, const T& row) {
  static_assert(detail::check<detail::CheckScope<T, kind>, detail::CheckSetDescribed<T, Member>>());
  return {scope.data(), row};
}

}  // namespace mpf::orm
