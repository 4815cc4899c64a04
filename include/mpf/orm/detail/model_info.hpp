#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/model.hpp>

/// What the sources of the ORM know of a model: everything that does not depend on its C++ type but through
/// these function pointers, and what these point to. What describes its table is in describe.hpp. Not for
/// users.
namespace mpf::orm::detail {

struct ModelInfo;
using ModelGetter = const ModelInfo& (*)();

/// A reference that a path follows.
struct Hop {
  std::string_view column;   ///< "author_id"
  std::string_view spelled;  ///< "Article::author"
  bool nullable = false;
  ModelGetter target = nullptr;
};

inline constexpr std::size_t no_column = static_cast<std::size_t>(-1);

/// A reference that a query loads, where its row's columns begin in the result, and what it loads of that
/// row.
struct LoadNode {
  std::size_t column = 0;        ///< of the referring model; none: these are of the part that is the base
  std::size_t first_column = 0;  ///< of the result
  std::vector<LoadNode> children;
};

struct ColumnInfo {
  std::string_view member;   ///< "author"
  std::string_view spelled;  ///< "Article::author"
  db::Param (*get)(const void* object) = nullptr;
  void (*set)(void* object,
              const db::Param& value) = nullptr;  ///< ids, references, timestamps, versions only
  ModelGetter target = nullptr;                   ///< of a reference
  void (*load)(void* object, const db::Row& row, const LoadNode& node) = nullptr;  ///< of a reference
  bool auto_now_add = false;
  bool auto_now = false;
  bool row_version = false;
  bool generated = false;  ///< by the database: read, never written
  /// The value as next column of a bulk insert.
  void (*write)(const void* object, db::RowWriter& writer) = nullptr;
};

struct ModelInfo {
  std::string_view type_name;
  Table table;
  std::vector<ColumnInfo> columns;  ///< as table.columns
  std::size_t id = no_column;
  std::size_t site = no_column;      ///< the tenant field
  std::size_t provider = no_column;  ///< nullable: null is the system's row
  std::size_t retired = no_column;
  std::size_t kind = no_column;  ///< of a model that others extend: which of them a row is
  bool change_log = false;
  /// Where rows are rows of another model with more to them: that model, how its part of an object is found,
  /// and what these rows are called among its rows.
  ModelGetter base = nullptr;
  void* (*as_base)(void* object) = nullptr;
  std::string_view base_kind;
  Hop to_base;                       ///< by the id, which both rows share
  std::size_t width = 0;             ///< columns of a row as it is read: the own ones, then those of the base
  ModelGetter site_model = nullptr;  ///< what the tenant field refers to
  void (*decode)(void* object, const db::Row& row, std::size_t first_column) = nullptr;

  std::size_t column_of(std::string_view member) const;  ///< a mistake of the programmer if there is none
};

/// Whether rows are retired by what a model that this one extends says.
bool has_retired_base(const ModelInfo& model);

/// Decodes a joined row, unless it is absent, and what was loaded along with it.
void load_children(void* object, const db::Row& row, const ModelInfo& model,
                   const std::vector<LoadNode>& children);

template <auto Member>
consteval std::string_view spelled_pointer() {
  const std::string_view text = reflect::spelled<Member>;
  const std::size_t member = text.rfind("::");
  const std::size_t owner = text.substr(0, member).find_last_of(":&( ");
  return text.substr(owner + 1);
}

/// "author_id" for a reference, else the member's name; as static text.
template <auto Member>
struct ColumnName {
  static constexpr std::string_view member = member_name<Member>;
  static constexpr bool reference = is_ref<bare<member_type<Member>>>;
  static constexpr auto buffer = [] {
    std::array<char, member.size() + 3> text{};
    for (std::size_t i = 0; i < member.size(); ++i) text[i] = member[i];
    text[member.size()] = '_';
    text[member.size() + 1] = 'i';
    text[member.size() + 2] = 'd';
    return text;
  }();
  static constexpr std::string_view value{buffer.data(), member.size() + (reference ? 3 : 0)};
};
template <auto Member>
inline constexpr std::string_view column_name = ColumnName<Member>::value;

template <auto Member>
std::string_view rule_column() {
  return column_name<Member>;
}

template <class T>
const ModelInfo& model_info();

template <auto Member>
inline constexpr std::string_view spelled_member_of = spelled_pointer<Member>();

/// Tells each set of a decoded row which member it is.
template <class T>
void bind_sets(T& row) {
  reflect::apply(
      [&row](const auto&... other) {
        (
            [&row]<class Entry>(const Entry&) {
              if constexpr (is_relation<Entry>) {
                (row.*Entry::pointer).bind(&spelled_member_of<Entry::pointer>);
              }
            }(other),
            ...);
      },
      reflect::description_of<T>.others);
}

template <auto Member, class T>
db::Param get_member(const void* object) {
  return to_param(static_cast<const T*>(object)->*Member);
}

template <auto Member, class T>
void write_member(const void* object, db::RowWriter& writer) {
  write_column(writer, static_cast<const T*>(object)->*Member);
}

template <auto Member, class T>
void set_member(void* object, const db::Param& value) {
  auto& member = static_cast<T*>(object)->*Member;
  using Type = std::remove_reference_t<decltype(member)>;
  if constexpr (std::same_as<Type, Id>) {
    member = Id(std::get<std::int64_t>(value));
  } else if constexpr (is_ref<Type>) {
    member = Type(Id(std::get<std::int64_t>(value)));
  } else if constexpr (is_ref<bare<Type>>) {
    member = bare<Type>(Id(std::get<std::int64_t>(value)));
  } else if constexpr (std::same_as<Type, std::optional<Timestamp>>) {
    member.reset();
    if (const auto* const time = std::get_if<Timestamp>(&value)) member = *time;
  } else if constexpr (std::same_as<Type, Timestamp>) {
    member = std::get<Timestamp>(value);
  } else if constexpr (std::same_as<Type, std::int64_t>) {
    member = std::get<std::int64_t>(value);
  } else if constexpr (std::same_as<Type, std::string>) {
    member = std::get<std::string>(value);
  }
}

template <auto Member, class T>
void load_member(void* object, const db::Row& row, const LoadNode& node) {
  using Target = typename bare<member_type<Member>>::model_type;
  auto& member = static_cast<T*>(object)->*Member;
  const ModelInfo& target = model_info<Target>();
  if (row.is_null(node.first_column + target.id)) return;  // no such row, or not of this tenant
  auto loaded = std::make_shared<Target>();
  target.decode(loaded.get(), row, node.first_column);
  load_children(loaded.get(), row, target, node.children);
  if constexpr (is_optional<member_type<Member>>) {
    if (member) member->bind(spelled_pointer<Member>(), std::move(loaded));
  } else {
    member.bind(spelled_pointer<Member>(), std::move(loaded));
  }
}

/// Whether the field is a column of T's own table: not of the base's, but what both have.
template <class T, class F>
consteval bool is_own_field() {
  if constexpr (has_base<T>) {
    constexpr bool shared = same_member<F::pointer, &T::id> || F::template has<Tenant> ||
                            F::template has<ProviderTenant> || F::template has<ProviderOrSystem>;
    return shared || !is_described<base_model_of<T>, F::pointer>();
  } else {
    return true;
  }
}

template <class T>
std::size_t decode_into(T& into, const db::Row& row, std::size_t column) {
  for_each_field<T>([&](const auto& field) {
    using F = std::remove_cvref_t<decltype(field)>;
    if constexpr (!is_own_field<T, F>()) return;
    auto& member = into.*F::pointer;
    read_column(row, column++, member);
    if constexpr (is_ref<typename F::type>) {
      member.bind(spelled_pointer<F::pointer>());
    } else if constexpr (is_ref<bare<typename F::type>>) {
      if (member) member->bind(spelled_pointer<F::pointer>());
    }
  });
  if constexpr (has_base<T>) {
    column = decode_into<base_model_of<T>>(into, row, column);
  }
  bind_sets(into);
  return column;
}

template <class T>
void decode(void* object, const db::Row& row, std::size_t first_column) {
  decode_into(*static_cast<T*>(object), row, first_column);
}

}  // namespace mpf::orm::detail

#include <mpf/orm/detail/describe.hpp>
