#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/link.hpp>
#include <mpf/orm/model.hpp>

/// What relations lead over, found at compile time from the descriptions of both sides. Not for users.
namespace mpf::orm::detail {

template <class T>
using described_fields = std::remove_cvref_t<decltype(fields_of<T>())>;
template <class T, std::size_t I>
using field_at = reflect::element_t<I, described_fields<T>>;
template <class T>
inline constexpr std::size_t fields_in = described_fields<T>::size;

template <class Type>
struct RefTarget {
  using type = void;
};
template <class Target>
struct RefTarget<Ref<Target>> {
  using type = Target;
};

template <class Child, class T, std::size_t I>
consteval bool leads_to() {
  using Target = typename RefTarget<bare<typename field_at<Child, I>::type>>::type;
  if constexpr (std::is_void_v<Target>) {
    return false;
  } else {
    return std::is_same_v<Target, T> || std::is_base_of_v<Target, T>;
  }
}

inline constexpr std::size_t no_reference = static_cast<std::size_t>(-1);
inline constexpr std::size_t many_references = static_cast<std::size_t>(-2);

/// The field of Child that refers to T, by name or the only one.
template <class Child, class T>
consteval std::size_t find_reference(std::string_view by) {
  std::size_t found = no_reference;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (
        [&] {
          if (!leads_to<Child, T, I>()) return;
          if (!by.empty()) {
            if (member_name<field_at<Child, I>::pointer> == by) found = I;
          } else {
            found = found == no_reference ? I : many_references;
          }
        }(),
        ...);
  }(std::make_index_sequence<fields_in<Child>>());
  return found;
}

template <class Child, auto Reference>
consteval std::size_t index_of_field() {
  std::size_t found = no_reference;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((same_member<field_at<Child, I>::pointer, Reference> ? void(found = I) : void()), ...);
  }(std::make_index_sequence<fields_in<Child>>());
  return found;
}

/// The entry of T::model() that describes the set.
template <class T, auto Member>
struct EntryOf {
  using others = std::remove_cvref_t<decltype(reflect::description_of<T>.others)>;
  template <class Entry>
  static consteval bool is_it() {
    if constexpr (is_relation<Entry>) {
      return same_member<Entry::pointer, Member>;
    } else {
      return false;
    }
  }
  static constexpr std::size_t index = []<class... Entries>(std::type_identity<reflect::Pack<Entries...>>) {
    std::size_t found = no_reference;
    std::size_t next = 0;
    ((is_it<Entries>() ? void(found = next++) : void(++next)), ...);
    return found;
  }(std::type_identity<others>());
};

template <std::size_t index>
struct CheckReferenceFound : std::true_type {
  static_assert(index != no_reference, "no orm::Ref of that model, or of that name, leads back to this one");
  static_assert(index != many_references,
                "several references lead back to this model: name one, as in many<&A::set, &B::reference>()");
};

/// How the rows of a set are found: the members of the reference or of the links, as indexes into fields.
template <class T, auto Member, class Entry>
struct Way;

template <class T, auto Member, auto Set, auto Reference>
struct Way<T, Member, ManyEntry<Set, Reference>> {
  using child = typename member_type<Member>::model_type;
  static constexpr bool linked = false;
  static constexpr std::size_t reference = [] {
    if constexpr (std::is_same_v<decltype(Reference), std::nullptr_t>) {
      return find_reference<child, T>(
          reflect::get<EntryOf<T, Member>::index>(reflect::description_of<T>.others).by);
    } else {
      return index_of_field<child, Reference>();
    }
  }();
  static_assert(check<CheckReferenceFound<reference>>());
};

template <class T, auto Member, auto Set, class Through>
struct Way<T, Member, LinksEntry<Set, Through>> {
  using child = typename member_type<Member>::model_type;
  using through = std::conditional_t<std::is_void_v<Through>, Link<Set>, Through>;
  static constexpr bool linked = true;
  static constexpr bool own_table = std::is_void_v<Through>;
  static constexpr std::size_t source = [] {
    constexpr auto entry = reflect::get<EntryOf<T, Member>::index>(reflect::description_of<T>.others);
    return find_reference<through, T>(own_table ? std::string_view("source") : entry.source);
  }();
  static constexpr std::size_t target = [] {
    constexpr auto entry = reflect::get<EntryOf<T, Member>::index>(reflect::description_of<T>.others);
    return find_reference<through, child>(own_table ? std::string_view("target") : entry.target);
  }();
  static_assert(check<CheckReferenceFound<source>, CheckReferenceFound<target>>());
};

template <class T, auto Member, auto Set, auto Of>
struct Way<T, Member, LinkedEntry<Set, Of>> {
  using child = typename member_type<Member>::model_type;
  using owner = member_owner<Of>;
  using entry = reflect::element_t<EntryOf<owner, Of>::index, typename EntryOf<owner, Of>::others>;
  using forward = Way<owner, Of, entry>;
  using through = typename forward::through;
  static constexpr bool linked = true;
  static constexpr bool own_table = forward::own_table;
  static constexpr std::size_t source = forward::target;
  static constexpr std::size_t target = forward::source;
};

template <class T, auto Member>
struct CheckSetDescribed : std::true_type {
  static_assert(std::is_base_of_v<member_owner<Member>, T>,
                "this set is a member of another model than the one queried");
  static_assert(is_many<member_type<Member>> || is_ref<bare<member_type<Member>>>,
                "prefetch<> loads sets (orm::Many) and references (orm::Ref): this member is neither");
  static_assert(!is_many<member_type<Member>> || EntryOf<T, Member>::index != no_reference,
                "this set is not among the entries of model(): add many<>, links<> or linked<>");
};

template <class T, auto Member>
using way_of =
    Way<T, Member, reflect::element_t<EntryOf<T, Member>::index, typename EntryOf<T, Member>::others>>;

template <class T, auto Member>
Partition partition_of() {
  using W = way_of<T, Member>;
  if constexpr (W::linked) {
    using L = typename W::through;
    return {{},
            &model_info<L>(),
            column_name<field_at<L, W::source>::pointer>,
            column_name<field_at<L, W::target>::pointer>};
  } else {
    return {column_name<field_at<typename W::child, W::reference>::pointer>, nullptr, {}, {}};
  }
}

}  // namespace mpf::orm::detail
