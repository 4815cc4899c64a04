#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

#include <mpf/orm/model.hpp>

namespace mpf::orm {

namespace detail {

/// The tenant of a link is that of the row that it starts from.
struct NoTenant {};
template <class Target>
struct SiteOfLink {
  Ref<Target> site;
};
template <class Target>
struct ProviderOfLink {
  Ref<Target> provider;
};
template <class Target>
struct ProviderOrSystemOfLink {
  std::optional<Ref<Target>> provider;
};

/// The type of T's field with that option; void if there is none.
template <class Option, class Fields>
struct TypeWith;
template <class Option>
struct TypeWith<Option, reflect::Pack<>> {
  using type = void;
};
template <class Option, class First, class... Rest>
struct TypeWith<Option, reflect::Pack<First, Rest...>> {
  using type =
      typename std::conditional_t<First::template has<Option>, std::type_identity<typename First::type>,
                                  TypeWith<Option, reflect::Pack<Rest...>>>::type;
};
template <class Option, class T>
using type_with = typename TypeWith<Option, std::remove_cvref_t<decltype(fields_of<T>())>>::type;

template <class Type>
struct ReferredBy {
  using type = void;
};
template <class Target>
struct ReferredBy<Ref<Target>> {
  using type = Target;
};

template <class T>
consteval auto tenant_of_link() {
  using Site = typename ReferredBy<type_with<Tenant, T>>::type;
  using Provider = typename ReferredBy<type_with<ProviderTenant, T>>::type;
  using Optional = type_with<ProviderOrSystem, T>;
  if constexpr (!std::is_void_v<Site>) {
    return std::type_identity<SiteOfLink<Site>>();
  } else if constexpr (!std::is_void_v<Provider>) {
    return std::type_identity<ProviderOfLink<Provider>>();
  } else if constexpr (!std::is_void_v<Optional>) {
    return std::type_identity<ProviderOrSystemOfLink<typename ReferredBy<bare<Optional>>::type>>();
  } else {
    return std::type_identity<NoTenant>();
  }
}
template <class T>
using LinkTenant = typename decltype(tenant_of_link<T>())::type;

/// A link stands behind the same wall (row_security.hpp) as the row that it starts from.
template <class T>
consteval auto security_of_link() {
  return []<class... Others>(const reflect::Pack<Others...>& others) {
    return reflect::pick<std::is_same_v<Others, RowSecurityEntry>...>(others);
  }(T::model().others);
}

template <auto Member>
struct LinkTable {
  static constexpr std::string_view owner = member_owner<Member>::model().table;
  static constexpr std::string_view member = member_name<Member>;
  static constexpr auto buffer = [] {
    std::array<char, owner.size() + 1 + member.size()> text{};
    std::size_t next = 0;
    for (const char c : owner) text[next++] = c;
    text[next++] = '_';
    for (const char c : member) text[next++] = c;
    return text;
  }();
  static constexpr std::string_view name{buffer.data(), buffer.size()};
};

}  // namespace detail

/// The model of a table of links, made by links<&Article::tags>(): one row a pair, of the tenant of the row
/// it starts from and behind the same row_security(), deleted with either side.
template <auto Member>
struct Link : detail::LinkTenant<member_owner<Member>> {
  using Source = member_owner<Member>;
  using Target = typename member_type<Member>::model_type;

  Id id;
  Ref<Source> source;
  Ref<Target> target;

  static constexpr auto model() {
    constexpr auto with_all = [](auto... entries) {
      // Where the row that it starts from is a tenant itself, the reference to it is the tenant's.
      if constexpr (std::is_same_v<detail::type_with<Tenant, Source>, Id>) {
        return orm::model<Link>(detail::LinkTable<Member>::name,
                                field<&Link::source>(tenant, on_delete(OnDelete::cascade)),
                                field<&Link::target>(on_delete(OnDelete::cascade)), entries...);
      } else if constexpr (std::is_same_v<detail::type_with<ProviderTenant, Source>, Id>) {
        return orm::model<Link>(detail::LinkTable<Member>::name,
                                field<&Link::source>(provider_tenant, on_delete(OnDelete::cascade)),
                                field<&Link::target>(on_delete(OnDelete::cascade)), entries...);
      } else {
        return orm::model<Link>(detail::LinkTable<Member>::name,
                                field<&Link::source>(on_delete(OnDelete::cascade)),
                                field<&Link::target>(on_delete(OnDelete::cascade)), entries...);
      }
    };
    constexpr auto with = [with_all](auto... entries) {
      return reflect::apply([&](const auto&... security) { return with_all(entries..., security...); },
                            detail::security_of_link<Source>());
    };
    using Base = detail::LinkTenant<Source>;
    constexpr auto pair = unique<&Link::source, &Link::target>();
    if constexpr (requires { &Base::site; }) {
      return with(field<&Base::site>(tenant, on_delete(OnDelete::cascade)), pair);
    } else if constexpr (requires { &Base::provider; }) {
      if constexpr (detail::is_optional<decltype(Base::provider)>) {
        return with(field<&Base::provider>(provider_or_system, on_delete(OnDelete::cascade)), pair);
      } else {
        return with(field<&Base::provider>(provider_tenant, on_delete(OnDelete::cascade)), pair);
      }
    } else {
      return with(pair);
    }
  }
};

}  // namespace mpf::orm
