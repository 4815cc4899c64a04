#pragma once

#include <type_traits>
#include <utility>

#include <mpf/orm/aggregate.hpp>

/// Rows of other models that refer to a row: those that the scope sees.
namespace mpf::orm {

namespace detail {

template <auto Reference>
struct CheckReference : std::true_type {
  static_assert(is_ref<bare<member_type<Reference>>>, "this field is no orm::Ref: nothing is related by it");
};

template <class Type>
struct TargetOf {
  using type = void;
};
template <class T>
struct TargetOf<Ref<T>> {
  using type = T;
};

template <class C, class Owner>
struct CheckRelated : std::true_type {
  static_assert(std::is_void_v<typename C::root_type> || std::is_base_of_v<typename C::root_type, Owner>,
                "this is about fields of another model than that of the related rows");
};

}  // namespace detail

/// related<&Comment::article>(condition): the comments of an article, for its own queries.
template <auto Reference>
class RelatedRows {
  static_assert(detail::check<detail::CheckReference<Reference>>());

 public:
  using related_type = member_owner<Reference>;
  using root_type = typename detail::TargetOf<detail::bare<member_type<Reference>>>::type;

  RelatedRows() = default;
  explicit RelatedRows(detail::NodePtr condition) : condition_(std::move(condition)) {}

  /// There are any.
  Condition<root_type> exist() const { return Condition<root_type>(detail::related_node(rows())); }
  /// How many.
  auto count() const { return value(orm::count()); }
  /// An aggregate over them: related<&Comment::article>().value(maximum(f<&Comment::created_at>)).
  template <class Root, class Value, bool absent>
  auto value(const Aggregate<Root, Value, absent>& aggregate) const {
    static_assert(detail::check<detail::CheckRelated<Aggregate<Root, Value, absent>, related_type>>());
    return Expression<root_type, Value, absent>(
        detail::related_value_node(rows(), aggregate.node(), ColumnCodec<Value>::type, absent));
  }

 private:
  detail::Related rows() const {
    return {&detail::model_info<related_type>, detail::hop_of<Reference>(), condition_};
  }
  detail::NodePtr condition_;
};

template <auto Reference>
RelatedRows<Reference> related() {
  return {};
}
template <auto Reference, detail::AnyCondition C>
RelatedRows<Reference> related(const C& condition) {
  static_assert(detail::check<detail::CheckRelated<C, member_owner<Reference>>>());
  return RelatedRows<Reference>(condition.node());
}

/// exists<&Comment::article>(f<&Comment::flagged> == true): articles with such a comment.
template <auto Reference>
auto exists() {
  return related<Reference>().exist();
}
template <auto Reference, detail::AnyCondition C>
auto exists(const C& condition) {
  return related<Reference>(condition).exist();
}

}  // namespace mpf::orm
