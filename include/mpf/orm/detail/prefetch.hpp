#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/detail/relation_info.hpp>

/// Loads the sets of rows that a query asked for. Not for users.
namespace mpf::orm {
template <class T>
class Query;
}

namespace mpf::orm::detail {

/// Rows side by side in memory, of the model that a query reads.
template <class T>
std::span<T> rows_at(void* rows, std::size_t count) {
  return {static_cast<T*>(rows), count};
}

template <class T>
std::vector<std::int64_t> distinct_ids(std::span<T> rows) {
  std::vector<std::int64_t> ids;
  ids.reserve(rows.size());
  for (const T& row : rows) ids.push_back(row.id.value);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

struct AsIs {
  template <class Q>
  Q operator()(Q query) const {
    return query;
  }
};

/// The rows found for each of the parents, handed to all parents of that id.
template <class T, class Child>
class Families {
 public:
  explicit Families(std::span<T> parents) : parents_(parents) {
    by_id_.reserve(parents.size());
    for (std::size_t i = 0; i < parents.size(); ++i) by_id_.try_emplace(parents[i].id.value, i);
  }

  /// False for a child that is of another tenant than its parent, which only broken data gives.
  bool add(std::int64_t parent, const Child& child, const ScopeData& scope) {
    const auto found = by_id_.find(parent);
    if (found == by_id_.end()) return false;
    return scope.kind == ScopeKind::site ||
           same_tenant(model_info<T>(), &parents_[found->second], model_info<Child>(), &child);
  }

  template <class Set>
  void hand_out(std::vector<Child>& children, const std::vector<std::int64_t>& parent_of, const Set& set) {
    std::unordered_map<std::int64_t, std::shared_ptr<std::vector<Child>>> families;
    families.reserve(by_id_.size());
    std::unordered_map<std::int64_t, std::size_t> sizes;
    sizes.reserve(by_id_.size());
    for (const std::int64_t parent : parent_of) ++sizes[parent];
    for (std::size_t i = 0; i < children.size(); ++i) {
      auto& family = families[parent_of[i]];
      if (!family) {
        family = std::make_shared<std::vector<Child>>();
        family->reserve(sizes[parent_of[i]]);
      }
      family->push_back(std::move(children[i]));
    }
    std::shared_ptr<std::vector<Child>> none;
    for (T& parent : parents_) {
      const auto found = families.find(parent.id.value);
      if (found != families.end()) {
        set(parent, found->second);
      } else {
        if (!none) none = std::make_shared<std::vector<Child>>();
        set(parent, none);
      }
    }
  }

 private:
  std::span<T> parents_;
  std::unordered_map<std::int64_t, std::size_t> by_id_;
};

/// Rows of Child for each parent, with what the child's query loads in turn.
template <class T, class Child, class Set>
void load_families(const ScopeData& scope, std::span<T> parents, const QueryCore& children,
                   const Partition& partition, const Set& set) {
  struct Found {
    std::vector<Child> rows;
    std::vector<std::int64_t> parent_of;
    Families<T, Child> families;
    const ScopeData& scope;
  } found{{}, {}, Families<T, Child>(parents), scope};
  const std::vector<std::int64_t> ids = distinct_ids(parents);
  children.fetch_of_each(
      partition, ids,
      {&found, [](void* c) -> void* { return &static_cast<Found*>(c)->rows.emplace_back(); }, nullptr},
      [](void* c, std::int64_t parent) {
        auto& into = *static_cast<Found*>(c);
        if (into.families.add(parent, into.rows.back(), into.scope)) {
          into.parent_of.push_back(parent);
        } else {
          into.rows.pop_back();
        }
      });
  children.load_sets(found.rows.data(), found.rows.size(), sizeof(Child));
  found.families.hand_out(found.rows, found.parent_of, set);
}

/// The rows that a reference leads to, one object for all that refer to it.
template <class T, auto Member, class Refine>
void load_references(const ScopeData& scope, const std::source_location& origin, std::span<T> rows,
                     const Refine& refine) {
  using Target = typename bare<member_type<Member>>::model_type;
  constexpr auto reference_in = [](T& row) -> Ref<Target>* {
    if constexpr (is_optional<member_type<Member>>) {
      return row.*Member ? &*(row.*Member) : nullptr;
    } else {
      return &(row.*Member);
    }
  };
  std::vector<std::int64_t> ids;
  for (T& row : rows) {
    if (const auto* const reference = reference_in(row)) ids.push_back(reference->id.value);
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  if (ids.empty()) return;
  const Query<Target> targets =
      refine(Query<Target>(QueryCore(scope, model_info<Target>()).with_retired().at(origin)));
  struct Found {
    std::vector<Target> rows;
  } found;
  const Partition by_id{model_info<Target>().table.columns[model_info<Target>().id].name, nullptr, {}, {}};
  targets.core().fetch_of_each(
      by_id, ids,
      {&found, [](void* c) -> void* { return &static_cast<Found*>(c)->rows.emplace_back(); }, nullptr},
      [](void*, std::int64_t) {});
  targets.core().load_sets(found.rows.data(), found.rows.size(), sizeof(Target));
  std::unordered_map<std::int64_t, std::shared_ptr<const Target>> by_target;
  by_target.reserve(found.rows.size());
  for (Target& row : found.rows) {
    const std::int64_t id = row.id.value;
    by_target.emplace(id, std::make_shared<const Target>(std::move(row)));
  }
  for (T& row : rows) {
    auto* const reference = reference_in(row);
    if (!reference) continue;
    const auto target = by_target.find(reference->id.value);
    if (target == by_target.end()) continue;
    if (scope.kind != ScopeKind::site &&
        !same_tenant(model_info<T>(), &row, model_info<Target>(), target->second.get())) {
      continue;
    }
    reference->bind(spelled_pointer<Member>(), target->second);
  }
}

template <class T, auto Member, class Refine>
void load_relation(const ScopeData& scope, const std::source_location& origin, void* memory,
                   std::size_t count, const Refine& refine) {
  const std::span<T> rows = rows_at<T>(memory, count);
  if constexpr (is_ref<bare<member_type<Member>>>) {
    load_references<T, Member>(scope, origin, rows, refine);
  } else {
    using Child = typename member_type<Member>::model_type;
    const Query<Child> children = refine(Query<Child>(QueryCore(scope, model_info<Child>()).at(origin)));
    load_families<T, Child>(
        scope, rows, children.core(), partition_of<T, Member>(),
        [](T& parent, const std::shared_ptr<std::vector<Child>>& family) { (parent.*Member).load(family); });
  }
}

/// Rows with their sets, some at a time.
template <class T, class Visit>
void each_in_portions(const QueryCore& query, Visit& visit) {
  constexpr std::size_t portion = 500;
  const std::vector<std::int64_t> ids = query.ids(db::Access::read);
  for (std::size_t first = 0; first < ids.size(); first += portion) {
    const auto some = std::span(ids).subspan(first, std::min(portion, ids.size() - first));
    std::vector<T> rows = Query<T>(query.only(some)).all(query.origin());
    for (T& row : rows) visit(row);
  }
}

}  // namespace mpf::orm::detail
