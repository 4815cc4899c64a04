#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/detail/model_info.hpp>

/// The tree that typed expressions build: nodes without C++ types, rendered per dialect. Not for users.
namespace mpf::orm::detail {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

/// A reference that a path follows.
struct Hop {
  std::string_view column;   ///< "author_id"
  std::string_view spelled;  ///< "Article::author"
  bool nullable = false;
  ModelGetter target = nullptr;
};

/// From the queried model over references to a column. Static data.
struct ColumnPath {
  std::span<const Hop> hops;
  std::string_view column;
  std::string_view spelled;
  ColumnType type = ColumnType::text;
  bool nullable = false;  ///< the column, or a reference on the way
};

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
enum class Match : std::uint8_t { contains, starts_with, ends_with, icontains };
enum class Arithmetic : std::uint8_t { add, subtract, multiply };

NodePtr column_node(const ColumnPath& path);
/// Error(invalid) for text that no database takes (malformed UTF-8, NUL); the path is told in the message.
NodePtr value_node(db::Param value, const ColumnPath* compared_with);
NodePtr compare_node(Comparison comparison, NodePtr left, NodePtr right);
NodePtr in_node(NodePtr operand, std::vector<db::Param> values, const ColumnPath* path);
NodePtr null_node(NodePtr operand, bool is_null);
NodePtr match_node(NodePtr operand, Match match, std::string_view text, const ColumnPath* path);
NodePtr arithmetic_node(Arithmetic operation, NodePtr left, NodePtr right);
NodePtr and_node(NodePtr left, NodePtr right);
NodePtr or_node(NodePtr left, NodePtr right);
NodePtr not_node(NodePtr operand);

/// Throws Error(invalid): an unsigned value beyond what databases store.
[[noreturn]] void throw_too_big();

template <auto Member>
constexpr Hop hop_of() {
  using Type = bare<member_type<Member>>;
  if constexpr (is_ref<Type>) {
    return {column_name<Member>, spelled_pointer<Member>(), is_optional<member_type<Member>>,
            &model_info<typename Type::model_type>};
  } else {
    return {};  // refused where the path is checked
  }
}

template <auto... Members>
inline constexpr std::array<Hop, sizeof...(Members)> hops_of{hop_of<Members>()...};

template <auto First, auto... Rest>
struct LastMember : LastMember<Rest...> {};
template <auto Last>
struct LastMember<Last> {
  using type = member_type<Last>;
  static constexpr std::string_view column = column_name<Last>;
  static constexpr std::string_view spelled = spelled_pointer<Last>();
};

template <auto... Path>
constexpr ColumnPath make_path() {
  using Last = LastMember<Path...>;
  using Type = bare<typename Last::type>;
  constexpr auto& hops = hops_of<Path...>;
  ColumnPath path;
  path.hops = std::span<const Hop>(hops).first(sizeof...(Path) - 1);
  path.column = Last::column;
  path.spelled = Last::spelled;
  if constexpr (ColumnValue<Type>) path.type = ColumnCodec<Type>::type;
  path.nullable = is_optional<typename Last::type>;
  for (const Hop& hop : path.hops) path.nullable = path.nullable || hop.nullable;
  return path;
}

template <auto... Path>
inline constexpr ColumnPath path_of = make_path<Path...>();

}  // namespace mpf::orm::detail
