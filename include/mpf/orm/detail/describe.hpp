#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/detail/model_info.hpp>

/// How the description of a model becomes its table and its ModelInfo. Not for users.
namespace mpf::orm::detail {

/// Completes the table: names of indexes, those that references need.
void finish_table(ModelInfo& info);

template <class T>
consteval std::string_view type_name_of() {
  const std::string_view text = reflect::spelled_type<T>;
  return text.substr(text.rfind(':') + 1);
}

/// The column of the field with that option; empty where there is none, or it is no reference that is always
/// there.
template <class Option, class T>
consteval std::string_view owner_column() {
  std::string_view found;
  reflect::apply(
      [&found]<class... F>(const F&...) {
        ((F::template has<Option> && is_ref<typename F::type> ? void(found = column_name<F::pointer>)
                                                              : void()),
         ...);
      },
      fields_of<T>());
  return found;
}

/// The columns by which rows of T and of Target tell that they belong to the same tenant.
struct SharedTenant {
  std::string_view own;
  std::string_view target;
};
template <class T, class Target>
consteval SharedTenant shared_tenant() {
  constexpr SharedTenant site{owner_column<Tenant, T>(), owner_column<Tenant, Target>()};
  constexpr SharedTenant provider{owner_column<ProviderTenant, T>(), owner_column<ProviderTenant, Target>()};
  if (!site.target.empty()) return site.own.empty() ? SharedTenant() : site;
  return provider.own.empty() || provider.target.empty() ? SharedTenant() : provider;
}

template <auto Member, class Rule, class Default>
struct CheckDeleteRule : std::true_type {
  static_assert(Rule::value != OnDelete::set_null || is_optional<member_type<Member>>,
                "set_null needs a std::optional<orm::Ref>");
  static_assert(Rule::value != OnDelete::set_default || Default::value,
                "set_default needs orm::default_value or orm::database_default beside it");
};

/// Rules that need a value of the description, which its type does not tell.
template <class T>
consteval bool check_delete_rules() {
  constexpr auto check_field = []<std::size_t I>(std::integral_constant<std::size_t, I>) {
    using F = reflect::element_t<I, std::remove_cvref_t<decltype(fields_of<T>())>>;
    if constexpr (F::template has<DeleteRule>) {
      constexpr OnDelete rule = reflect::get<I>(fields_of<T>()).template get<DeleteRule>().rule;
      constexpr bool fills = F::template has<DefaultValue> || F::template has<DatabaseDefault>;
      static_assert(check<CheckDeleteRule<F::pointer, std::integral_constant<OnDelete, rule>,
                                          std::bool_constant<fills>>>());
    }
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (check_field(std::integral_constant<std::size_t, I>()), ...);
  }(std::make_index_sequence<std::remove_cvref_t<decltype(fields_of<T>())>::size>());
  return true;
}

/// What a field's description says, found at compile time: one for each field of each model in each source
/// that uses the model, so no code.
struct FieldFacts {
  std::string_view column;
  ColumnType type = ColumnType::text;
  bool nullable = false;
  bool is_id = false;
  bool tenant = false;
  bool provider = false;
  bool retired = false;
  bool kind = false;
  bool unique = false;
  bool indexed = false;
  int scale = 0;
  std::optional<ElementType> element;
  std::optional<std::size_t> max_length;
  std::optional<std::string_view> default_value;
  std::string_view renamed_from;
  std::span<const std::string_view> choices;
  std::string_view target_table;  ///< of a reference, else empty
  OnDelete on_delete = OnDelete::restrict;
  SharedTenant shared;
  ModelGetter site_model = nullptr;
  ColumnInfo info;
};

template <class E>
inline constexpr auto choices_of = [] {
  std::array<std::string_view, enum_entries<E>().size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = enum_entries<E>()[i].name;
  return names;
}();

template <class T, class F>
constexpr FieldFacts facts_of(const F& field) {
  using Type = bare<typename F::type>;
  constexpr auto member = F::pointer;
  FieldFacts facts;
  facts.column = column_name<member>;
  facts.type = ColumnCodec<Type>::type;
  facts.nullable = is_optional<typename F::type>;
  facts.is_id = same_member<member, &T::id>;
  facts.info.member = member_name<member>;
  facts.info.spelled = spelled_pointer<member>();
  facts.info.get = &get_member<member, T>;
  facts.info.write = &write_member<member, T>;
  facts.info.generated = F::template has<Generated>;
  facts.info.auto_now_add = F::template has<AutoNowAdd>;
  facts.info.auto_now = F::template has<AutoNow>;
  facts.info.row_version = F::template has<RowVersion>;
  facts.tenant = F::template has<Tenant>;
  facts.provider = F::template has<ProviderTenant> || F::template has<ProviderOrSystem>;
  facts.retired = F::template has<Retired>;
  facts.unique = F::template has<UniqueSet<>>;
  facts.indexed = F::template has<Indexed>;
  facts.kind = F::template has<RowKind>;
  if constexpr (same_member<member, &T::id> && has_base<T>) {
    using Base = base_model_of<T>;
    facts.target_table = Base::model().table;
    facts.on_delete = OnDelete::cascade;
    facts.shared = shared_tenant<T, Base>();
  }
  if constexpr (requires { ColumnCodec<Type>::scale; }) facts.scale = ColumnCodec<Type>::scale;
  if constexpr (requires { ColumnCodec<Type>::element; }) facts.element = ColumnCodec<Type>::element;
  if constexpr (std::same_as<typename F::type, Id> || is_ref<Type> || std::same_as<Type, Timestamp> ||
                std::same_as<typename F::type, std::int64_t> || F::template has<RowKind>) {
    facts.info.set = &set_member<member, T>;
  }
  if constexpr (is_ref<Type>) {
    using Target = typename Type::model_type;
    static_assert(Model<Target>, "include the header of the model that this orm::Ref refers to");
    facts.target_table = Target::model().table;
    if constexpr (!F::template has<Tenant> && !F::template has<ProviderTenant>) {
      facts.shared = shared_tenant<T, Target>();
    }
    if constexpr (F::template has<DeleteRule>) facts.on_delete = field.template get<DeleteRule>().rule;
    facts.info.target = &model_info<Target>;
    facts.info.load = &load_member<member, T>;
  }
  if constexpr (std::is_enum_v<Type>) facts.choices = choices_of<Type>;
  if constexpr (F::template has<MaxLength>) facts.max_length = field.template get<MaxLength>().characters;
  if constexpr (F::template has<DefaultValue>) {
    facts.default_value = field.template get<DefaultValue>().literal;
  }
  if constexpr (F::template has<RenamedFrom>) facts.renamed_from = field.template get<RenamedFrom>().name;
  if constexpr (F::template has<Tenant>) facts.site_model = &model_info<typename TenantTarget<T, Type>::type>;
  return facts;
}

/// Those that are columns of T's own table.
template <class T>
constexpr auto own_fields() {
  return []<class... F>(const reflect::Pack<F...>& fields) {
    return reflect::pick<is_own_field<T, F>()...>(fields);
  }(fields_of<T>());
}

template <class T>
inline constexpr auto facts_of_fields = reflect::apply(
    [](const auto&... field) { return std::array<FieldFacts, sizeof...(field)>{facts_of<T>(field)...}; },
    own_fields<T>());

void add_columns(ModelInfo& info, std::span<const FieldFacts> fields);

/// What only the database can evaluate.
template <class F>
void add_expressions(ModelInfo& info, std::size_t index, const F& field) {
  if constexpr (F::template has<Generated>) {
    info.table.columns[index].generated = rule_sql(field.template get<Generated>().sql);
  }
  if constexpr (F::template has<DatabaseDefault>) {
    info.table.columns[index].computed_default = rule_sql(field.template get<DatabaseDefault>().sql);
  }
}

template <class T, class Condition>
void add_set(ModelInfo& info, const CheckEntry<Condition>& entry) {
  info.table.checks.push_back({std::string(entry.name), rule_sql(entry.condition)});
}

template <auto Member>
struct CheckSearched : std::true_type {
  static_assert(std::same_as<bare<member_type<Member>>, std::string>, "search_index<> is for texts");
};
/// The index on the words of these columns.
Index search_index_on(std::string_view table, std::vector<std::string> columns);

template <class T, auto... Members>
void add_set(ModelInfo& info, SearchIndex<Members...>) {
  static_assert(sizeof...(Members) > 0, "search_index<> names the texts that are searched together");
  static_assert((is_described<T, Members>() && ...), "this member is not a field of the model");
  static_assert(check<CheckSearched<Members>...>());
  info.table.indexes.push_back(search_index_on(info.table.name, {std::string(column_name<Members>)...}));
}

struct IndexOptions {
  template <class Condition>
  static void apply(Index& index, const Where<Condition>& option) {
    index.where = rule_sql(option.condition);
  }
  template <auto Member>
  static void apply(Index& index, Descending<Member>) {
    index.descending.emplace_back(column_name<Member>);
  }
  template <auto Member>
  static void apply(Index& index, Lowered<Member>) {
    static_assert(std::same_as<bare<member_type<Member>>, std::string>, "only texts have a lower case");
    const std::string sql = lowered_sql(column_name<Member>);
    index.expressions.push_back({sql, sql});
  }
  static void apply(Index& index, const ExpressionPart& option) {
    index.expressions.push_back(rule_sql(option.sql));
  }
  static void apply(Index& index, NullsEqual) { index.nulls_equal = true; }
  static void apply(Index& index, Method option) { index.method = option.method; }
  static void apply(Index& index, Named option) { index.name = option.name; }
};

template <class T, bool is_unique, class Options, auto... Members>
void add_set(ModelInfo& info, const IndexEntry<is_unique, Options, Members...>& entry) {
  static_assert((is_described<T, Members>() && ...), "this member is not a field of the model");
  Index index{"", {std::string(column_name<Members>)...}, is_unique};
  reflect::apply([&](const auto&... option) { (IndexOptions::apply(index, option), ...); }, entry.options);
  info.table.indexes.push_back(std::move(index));
}

template <class T, auto... Members>
void add_set(ModelInfo& info, UniqueSet<Members...>) {
  static_assert((is_described<T, Members>() && ...), "this member is not a field of the model");
  info.table.indexes.push_back({"", {std::string(column_name<Members>)...}, true});
}

template <class T, auto... Members>
void add_set(ModelInfo& info, IndexSet<Members...>) {
  static_assert((is_described<T, Members>() && ...), "this member is not a field of the model");
  info.table.indexes.push_back({"", {std::string(column_name<Members>)...}, false});
}

template <class T>
void add_other(ModelInfo& info, const RenamedFrom& entry) {
  info.table.renamed_from = entry.name;
}
template <class T>
void add_other(ModelInfo& info, const MovedFrom& entry) {
  info.table.moved_from = entry.module;
}
/// The column with the provider of T's rows; empty if there is none.
template <class T>
std::string_view provider_column() {
  std::string_view found;
  reflect::apply(
      [&found]<class... F>(const F&...) {
        ((F::template has<ProviderTenant> || F::template has<ProviderOrSystem>
              ? void(found = column_name<F::pointer>)
              : void()),
         ...);
      },
      fields_of<T>());
  return found;
}

template <class T>
void add_other(ModelInfo& info, const RowSecurityEntry& entry) {
  auto& security = info.table.row_security.emplace();
  security.role = entry.role;
  if (info.site != no_column) security.site = info.table.columns[info.site].name;
  if (info.provider != no_column) {
    security.provider = info.table.columns[info.provider].name;
    security.shared = info.table.columns[info.provider].nullable;
  } else if constexpr (!std::is_void_v<site_model_of<T>>) {
    if (info.site == no_column) return;  // the table of the base tells it
    using Site = site_model_of<T>;
    security.site_provider = provider_column<Site>();
    if (security.site_provider.empty()) return;
    security.site_table = Site::model().table;
    security.site_key = "id";
  }
}
template <class T, class Other>
void add_other(ModelInfo&, const Other&) {}  // no matter of the table

template <class T>
const ModelInfo& model_info() {
  static const ModelInfo info = [] {
    constexpr const auto& description = reflect::description_of<T>;
    static_assert(check_delete_rules<T>());
    ModelInfo built;
    built.type_name = type_name_of<T>();
    built.table.name = description.table;
    built.decode = &decode<T>;
    const auto own = own_fields<T>();
    add_columns(built, facts_of_fields<T>);
    std::size_t index = 0;
    reflect::apply([&](const auto&... field) { (add_expressions(built, index++, field), ...); }, own);
    built.width = built.columns.size();
    if constexpr (has_base<T>) {
      using Base = base_model_of<T>;
      built.base = &model_info<Base>;
      built.as_base = [](void* object) -> void* { return static_cast<Base*>(static_cast<T*>(object)); };
      built.base_kind = reflect::get<ExtendsEntry<Base>>(description.others).kind;
      built.to_base = {"id", built.type_name, false, built.base};
      built.width += built.base().width;
    }
    reflect::apply([&](const auto&... set) { (add_set<T>(built, set), ...); }, description.sets);
    reflect::apply([&](const auto&... other) { (add_other<T>(built, other), ...); }, description.others);
    built.change_log = has_change_log<T>;
    finish_table(built);
    return built;
  }();
  return info;
}

}  // namespace mpf::orm::detail

template <mpf::orm::Model T>
const mpf::orm::Table& mpf::orm::table_of() {
  return detail::model_info<T>().table;
}
