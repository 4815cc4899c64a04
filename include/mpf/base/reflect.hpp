#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/pack.hpp>
#include <mpf/base/spelling.hpp>

/// Structs described once, from their members:
///
///     struct Look {
///       std::string primary = "#345";
///       int radius = 8;
///       static constexpr auto describe() {
///         return mpf::describe(mpf::field<&Look::primary>(),
///         mpf::field<&Look::radius>(mpf::name("corner")));
///       }
///     };
///
/// A field's name is the member's own, read from the compiler's spelling of the member pointer. JSON,
/// settings, forms and models all work from such a description.
namespace mpf {

namespace reflect {

template <class>
struct member_pointer;
template <class Owner, class Type>
struct member_pointer<Type Owner::*> {
  using owner = Owner;
  using type = Type;
};

template <auto Member>
consteval std::string_view spelled_member() {
  std::string_view text = spelled<Member>;
  if (text.ends_with(')')) text.remove_suffix(1);
  return text.substr(text.rfind(':') + 1);
}

}  // namespace reflect

/// Name of the member that a member pointer points to.
template <auto Member>
inline constexpr std::string_view member_name = reflect::spelled_member<Member>();

template <auto Member>
using member_owner = typename reflect::member_pointer<decltype(Member)>::owner;
template <auto Member>
using member_type = typename reflect::member_pointer<decltype(Member)>::type;

/// Option of a field: the name outside C++, where it differs from the member's.
struct Name {
  std::string_view text;
};
constexpr Name name(std::string_view text) { return {text}; }

/// Option of a field: it may be absent from input, and then keeps the value that the struct gives it.
struct Defaulted {};
inline constexpr Defaulted defaulted{};

/// One described member. Options are values of any type; who reads the description picks those it knows.
template <auto Member, class... Options>
struct Field {
  using owner = member_owner<Member>;
  using type = member_type<Member>;
  static constexpr auto pointer = Member;

  reflect::Pack<Options...> options;

  template <class Option>
  static constexpr bool has = (std::is_same_v<Option, Options> || ...);

  /// The option of this type; only when has<Option>.
  template <class Option>
  constexpr const Option& get() const {
    return reflect::get<Option>(options);
  }

  constexpr std::string_view name() const {
    if constexpr (has<Name>) {
      return get<Name>().text;
    } else {
      return member_name<Member>;
    }
  }
};

template <auto Member, class... Options>
constexpr auto field(Options... options) {
  return Field<Member, Options...>{{options...}};
}

template <class... Fields>
struct Description {
  reflect::Pack<Fields...> fields;
};

template <class... Fields>
constexpr auto describe(Fields... fields) {
  return Description<Fields...>{{fields...}};
}

namespace reflect {

template <class T>
concept has_describe = requires { T::describe().fields; };
template <class T>
concept has_model = requires { T::model().fields; };

template <class T>
constexpr auto description() {
  if constexpr (has_describe<T>) {
    return T::describe();
  } else {
    return T::model();
  }
}
template <class T>
inline constexpr auto description_of = description<T>();

}  // namespace reflect

/// A struct with `static constexpr auto describe()` or, for models, `static constexpr auto model()`, whose
/// result has a reflect::Pack `fields`.
template <class T>
concept Described = reflect::has_describe<T> || reflect::has_model<T>;

/// The fields of a described struct.
template <Described T>
constexpr const auto& fields_of() {
  return reflect::description_of<T>.fields;
}

/// Calls visit(field) for each field, in the described order.
template <Described T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  reflect::apply([&](const auto&... field) { (visit(field), ...); }, fields_of<T>());
}

}  // namespace mpf
