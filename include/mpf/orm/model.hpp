#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/reflect.hpp>
#include <mpf/orm/codec.hpp>
#include <mpf/orm/constraint.hpp>
#include <mpf/orm/ref.hpp>
#include <mpf/orm/relation.hpp>
#include <mpf/orm/schema.hpp>

/// Models are plain structs with one description, the source of columns, decoding, forms and migrations:
///
///     struct Article {
///       orm::Id id;
///       orm::Ref<Site> site;
///       orm::Ref<User> author;
///       std::string title;
///       std::optional<Timestamp> published_at;
///
///       static constexpr auto model() {
///         return orm::model<Article>(
///             "content_article",
///             orm::field<&Article::site>(orm::tenant),
///             orm::field<&Article::author>(orm::on_delete(orm::OnDelete::restrict)),
///             orm::field<&Article::title>(orm::max_length(200), orm::label("Title")),
///             orm::field<&Article::published_at>(orm::indexed),
///             orm::unique<&Article::site, &Article::title>());
///       }
///     };
///
/// Every model has a member `orm::Id id`, its primary key, which needs no field() unless it takes options.
/// Members that are not listed are not stored. Columns are named as members are; a Ref<T> `author` is the
/// column "author_id". A reference, and each unique set, has an index by itself.
///
/// Where two models belong to the same kind of tenant (both have a `tenant` reference, or both a
/// `provider_tenant` one), a reference from one to the other is kept by the tenant and the id together: the
/// database refuses a row that points into another tenant, whoever writes it. A model with such a field has a
/// unique index on tenant and id for it. Text is compared byte by byte on every database.
namespace mpf::orm {

using mpf::field;

/// Options of fields.
struct Tenant {};
struct ProviderTenant {};
struct Indexed {};
struct AutoNow {};
struct AutoNowAdd {};
struct RowVersion {};
struct ProviderOrSystem {};
struct Retired {};
struct RowKind {};
struct MaxLength {
  std::size_t characters;
};
struct Label {
  std::string_view text;
};
struct DeleteRule {
  OnDelete rule;
};
struct DefaultValue {
  std::string_view literal;
};
struct RenamedFrom {
  std::string_view name;
};
struct MovedFrom {
  std::string_view module;
};
struct RowSecurityEntry {
  std::string_view role;
};

/// The reference to the site that owns the row: a SiteScope sees the rows of its site. On the member `id` of
/// the site's own model it says that the row is the site.
inline constexpr Tenant tenant{};
/// The reference to the provider that owns the row; on the member `id` of the provider's own model: itself.
inline constexpr ProviderTenant provider_tenant{};
/// The optional reference to the provider that owns the row; rows without one belong to the system. Everybody
/// sees the system's rows beside those of the own provider; only a SystemScope writes them.
inline constexpr ProviderOrSystem provider_or_system{};
/// A std::optional<Timestamp>: the row is retired since then. Queries, get() and find() see no retired rows
/// unless asked (Query::with_retired()); references to them still load. BasicScope::retire() sets it.
inline constexpr Retired retired{};
/// A std::string of a model that others extend (inherit.hpp): which of them the row is; empty for a row of
/// this model alone. Set at insert.
inline constexpr RowKind row_kind{};
/// An index on this column alone.
inline constexpr Indexed indexed{};
/// A Timestamp set at insert, and at every write.
inline constexpr AutoNowAdd auto_now_add{};
inline constexpr AutoNow auto_now{};
/// An integer that counts the row's updates. update(row) fails with Error(conflict) when somebody else has
/// updated the row since it was read.
inline constexpr RowVersion row_version{};

/// In characters (code points).
constexpr MaxLength max_length(std::size_t characters) { return {characters}; }
/// What people call the field.
constexpr Label label(std::string_view text) { return {text}; }
/// What happens to this row when the row it refers to is deleted; restrict if not given. set_null is for
/// std::optional references, set_default for fields with a default value; only the reference changes, the
/// row stays its tenant's.
constexpr DeleteRule on_delete(OnDelete rule) { return {rule}; }
/// SQL literal for the rows that exist when a migration adds the column.
constexpr DefaultValue default_value(std::string_view literal) { return {literal}; }
/// The column's earlier name, so that a migration renames it. As entry of model(): the table's.
constexpr RenamedFrom renamed_from(std::string_view name) { return {name}; }
/// Entry of model(): the module that the model was of before, so that a migration hands its table over, rows
/// and all.
constexpr MovedFrom moved_from(std::string_view module) { return {module}; }
/// Entry of model(): migrations put the table behind PostgreSQL's row-level security (row_security.hpp), with
/// rights for the role. A model without a tenant gets the rights alone.
constexpr RowSecurityEntry row_security(std::string_view role = default_role) { return {role}; }

template <auto... Members>
struct UniqueSet {};
template <auto... Members>
struct IndexSet {};

/// As entry of model(): no two rows have the same values in all these members. As option of a field, without
/// members: unique by itself.
template <auto... Members>
constexpr UniqueSet<Members...> unique() {
  return {};
}
/// Entry of model(): an index on these members, in this order.
template <auto... Members>
constexpr IndexSet<Members...> index() {
  return {};
}
/// The same with options (constraint.hpp): where, descending, lowered, expression, nulls_equal, method,
/// named.
template <auto... Members, class First, class... Rest>
constexpr auto unique(First first, Rest... rest) {
  using Options = reflect::Pack<First, Rest...>;
  return detail::IndexEntry<true, Options, Members...>{Options(first, rest...)};
}
template <auto... Members, class First, class... Rest>
constexpr auto index(First first, Rest... rest) {
  using Options = reflect::Pack<First, Rest...>;
  return detail::IndexEntry<false, Options, Members...>{Options(first, rest...)};
}

template <auto... Members>
struct SearchIndex {};
/// Entry of model(): an index for search() in these texts together, in this order; see full_text.hpp. Those
/// of the model itself, not of one that it extends.
template <auto... Members>
constexpr SearchIndex<Members...> search_index() {
  return {};
}

struct ChangeLogEntry {};
/// Entry of model(): who changed what is kept, row by row and field by field, in the same transaction. See
/// change_log.hpp.
constexpr ChangeLogEntry change_log() { return {}; }

/// See inherit.hpp.
template <class Base>
struct ExtendsEntry {
  using base = Base;
  std::string_view kind;
};

template <class T, class Fields, class Sets, class Others = reflect::Pack<>>
struct ModelDescription {
  using model_type = T;
  std::string_view table;
  Fields fields;  ///< reflect::Pack of mpf::Field, the id among them
  Sets sets;      ///< reflect::Pack of unique sets, indexes and checks
  Others others;  ///< reflect::Pack of relations, ChangeLogEntry and so on, with the base's that hold for it
};

namespace detail {

template <class>
inline constexpr bool is_field = false;
template <auto Member, class... Options>
inline constexpr bool is_field<Field<Member, Options...>> = true;
template <class>
inline constexpr bool is_set = false;
template <auto... Members>
inline constexpr bool is_set<UniqueSet<Members...>> = sizeof...(Members) > 0;
template <auto... Members>
inline constexpr bool is_set<IndexSet<Members...>> = sizeof...(Members) > 0;
template <bool is_unique, class Options, auto... Members>
inline constexpr bool is_set<IndexEntry<is_unique, Options, Members...>> = true;
template <class Condition>
inline constexpr bool is_set<CheckEntry<Condition>> = true;
template <auto... Members>
inline constexpr bool is_set<SearchIndex<Members...>> = true;

template <class>
inline constexpr bool is_extends = false;
template <class Base>
inline constexpr bool is_extends<ExtendsEntry<Base>> = true;

/// What is said of the one table, and not of those that extend it.
template <class Entry>
inline constexpr bool is_of_table = std::is_same_v<Entry, RenamedFrom> || std::is_same_v<Entry, MovedFrom> ||
                                    std::is_same_v<Entry, RowSecurityEntry>;

template <class Entry>
inline constexpr bool is_other =
    is_relation<Entry> || std::is_same_v<Entry, ChangeLogEntry> || is_extends<Entry> || is_of_table<Entry>;

/// The model that T extends; void if none.
template <class... Entries>
struct BaseIn {
  using type = void;
};
template <class Base, class... Rest>
struct BaseIn<ExtendsEntry<Base>, Rest...> {
  using type = Base;
};
template <class First, class... Rest>
struct BaseIn<First, Rest...> : BaseIn<Rest...> {};
template <class Others>
struct BaseAmong;
template <class... Entries>
struct BaseAmong<reflect::Pack<Entries...>> : BaseIn<Entries...> {};
template <class T>
using base_model_of =
    typename BaseAmong<std::remove_cvref_t<decltype(reflect::description_of<T>.others)>>::type;
template <class T>
inline constexpr bool has_base = !std::is_void_v<base_model_of<T>>;

template <auto A, auto B>
inline constexpr bool same_member = false;
template <auto A>
inline constexpr bool same_member<A, A> = true;

/// Completes classes whose static assertions check what users write. Always true itself, so that a mistake
/// gives one error and not a second about the first.
template <class... Checks>
consteval bool check() {
  (static_cast<void>(requires { sizeof(Checks); }), ...);
  return true;
}

template <class T, class Entry>
struct FieldCheck : std::true_type {};
template <class T, auto Member, class... Options>
struct FieldCheck<T, Field<Member, Options...>> {
  using type = member_type<Member>;
  template <class Option>
  static constexpr bool has = (std::is_same_v<Option, Options> || ...);

  static_assert(std::is_base_of_v<member_owner<Member>, T>, "this field is a member of another model");
  static_assert(ColumnValue<bare<type>>,
                "no column can hold the type of this field: use another, or specialise orm::ColumnCodec");
  static_assert(!(has<Tenant> || has<ProviderTenant>) || is_ref<type> || std::is_same_v<type, Id>,
                "a tenant field is an orm::Ref that is always there, or the id");
  static_assert(!has<ProviderOrSystem> || (is_ref<bare<type>> && is_optional<type>),
                "provider_or_system is for a std::optional<orm::Ref>");
  static_assert(!has<Retired> || std::is_same_v<type, std::optional<Timestamp>>,
                "retired is for std::optional<Timestamp> fields");
  static_assert(!has<RowKind> || std::is_same_v<type, std::string>, "row_kind is for a std::string field");
  static_assert(!has<MaxLength> || std::is_same_v<bare<type>, std::string>,
                "max_length is for std::string fields");
  static_assert(!has<DeleteRule> || is_ref<bare<type>>, "on_delete is for orm::Ref fields");
  static_assert(!(has<AutoNow> || has<AutoNowAdd>) || std::is_same_v<type, Timestamp>,
                "auto_now and auto_now_add are for Timestamp fields");
  static_assert(!has<Generated> || !(has<Tenant> || is_ref<bare<type>> || std::is_same_v<type, Id>),
                "the database cannot generate ids and references");
  static_assert(!has<RowVersion> || std::is_same_v<type, std::int64_t>,
                "row_version is for std::int64_t fields");
  static constexpr bool value = true;
};

template <class Base>
consteval bool tells_kinds() {
  if constexpr (reflect::has_model<Base>) {
    return reflect::apply(
        [](const auto&... field) { return (std::decay_t<decltype(field)>::template has<RowKind> || ...); },
        reflect::description_of<Base>.fields);
  } else {
    return true;  // that is said already
  }
}
template <class T, class Base>
struct FieldCheck<T, ExtendsEntry<Base>> {
  static_assert(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>,
                "extends<Base>() is for structs that derive from that model");
  static_assert(reflect::has_model<Base>, "extends<Base>() needs a model: Base has no static model()");
  static_assert(!std::is_base_of_v<Base, T> || tells_kinds<Base>(),
                "the model that extends<Base>() names needs a std::string field with orm::row_kind");
  static constexpr bool value = true;
};

template <auto Member, class Entry>
constexpr bool entry_is_member() {
  if constexpr (is_field<Entry>) {
    return same_member<Entry::pointer, Member>;
  } else {
    return false;
  }
}

template <class T, class Base>
consteval bool extends_well() {
  if constexpr (std::is_base_of_v<Base, T>) {
    return reflect::has_model<Base>;
  } else {
    return false;
  }
}

template <class T, class... Entries>
constexpr auto model_fields(const reflect::Pack<Entries...>& entries) {
  using Base = typename BaseIn<Entries...>::type;
  const auto own = reflect::pick<is_field<Entries>...>(entries);
  if constexpr (extends_well<T, Base>()) {
    return reflect::concat(reflect::description_of<Base>.fields, own);
  } else if constexpr ((entry_is_member<&T::id, Entries>() || ...)) {
    return own;
  } else {
    return reflect::concat(reflect::Pack<Field<&T::id>>(Field<&T::id>{}), own);
  }
}

template <class... Entries>
constexpr auto inherited(const reflect::Pack<Entries...>& entries) {
  return reflect::pick<!is_of_table<Entries>...>(entries);
}

template <class T, class... Entries>
constexpr auto model_others(const reflect::Pack<Entries...>& entries) {
  using Base = typename BaseIn<Entries...>::type;
  const auto own = reflect::pick<is_other<Entries>...>(entries);
  if constexpr (extends_well<T, Base>()) {
    // The own base comes first, and is the one that counts.
    return reflect::concat(own, inherited(reflect::description_of<Base>.others));
  } else if constexpr (std::is_void_v<Base>) {
    return own;
  } else {
    return reflect::Pack<>();  // the mistake is told already
  }
}

}  // namespace detail

/// The description of T, stored in that table. Entries are field<…>(…), unique<…>(), index<…>(),
/// search_index<…>(), check(), the relations many<…>(), links<…>() and linked<…>(), change_log(),
/// extends<…>(), renamed_from(), moved_from() and row_security().
template <class T, class... Entries>
constexpr auto model(std::string_view table, Entries... entries) {
  static_assert(std::is_same_v<decltype(T::id), Id>, "a model has a member `orm::Id id`");
  static_assert(
      ((detail::is_field<Entries> || detail::is_set<Entries> || detail::is_other<Entries>)&&...),
      "entries of orm::model() are field<…>(…), unique<…>(), index<…>(), search_index<…>(), check(…), "
      "many<…>(), links<…>(), linked<…>(), change_log(), extends<…>(), renamed_from(), moved_from() and "
      "row_security()");
  static_assert(detail::check<detail::FieldCheck<T, Entries>...>());
  const reflect::Pack<Entries...> all(entries...);
  auto fields = detail::model_fields<T>(all);
  auto sets = reflect::pick<detail::is_set<Entries>...>(all);
  auto others = detail::model_others<T>(all);
  return ModelDescription<T, decltype(fields), decltype(sets), decltype(others)>{table, fields, sets, others};
}

/// A struct with `static constexpr auto model()` as above.
template <class T>
concept Model = reflect::has_model<T>;

namespace detail {

template <class Option, class T>
consteval bool any_field_has() {
  return reflect::apply(
      [](const auto&... field) { return (std::decay_t<decltype(field)>::template has<Option> || ...); },
      fields_of<T>());
}

/// Whether a Member (of T or of a base of T) is among the fields of T.
template <class T, auto Member>
consteval bool is_described() {
  return reflect::apply(
      [](const auto&... field) {
        return (same_member<std::decay_t<decltype(field)>::pointer, Member> || ...);
      },
      fields_of<T>());
}

template <class T>
inline constexpr bool has_site_field = any_field_has<Tenant, T>();
template <class T>
inline constexpr bool has_provider_field =
    any_field_has<ProviderTenant, T>() || any_field_has<ProviderOrSystem, T>();
template <class T>
inline constexpr bool has_change_log = reflect::apply(
    [](const auto&... other) {
      return (std::is_same_v<std::decay_t<decltype(other)>, ChangeLogEntry> || ...);
    },
    reflect::description_of<T>.others);

template <class T, class Type>
struct TenantTarget {
  using type = T;  // the id: the row is the tenant itself
};
template <class T, class Target>
struct TenantTarget<T, Ref<Target>> {
  using type = Target;
};
template <class T, class Fields>
struct SiteOf {
  using type = void;
};
template <class T, class First, class... Rest>
struct SiteOf<T, reflect::Pack<First, Rest...>> {
  using type = typename std::conditional_t<First::template has<Tenant>, TenantTarget<T, typename First::type>,
                                           SiteOf<T, reflect::Pack<Rest...>>>::type;
};
/// The model of the site that rows of T belong to; void when T has no tenant field.
template <class T>
using site_model_of = typename SiteOf<T, std::remove_cvref_t<decltype(fields_of<T>())>>::type;

}  // namespace detail

/// The table of a model, as its description says. Built at the first call; lives for the whole program.
template <Model T>
const Table& table_of();

}  // namespace mpf::orm

#include <mpf/orm/detail/model_info.hpp>
