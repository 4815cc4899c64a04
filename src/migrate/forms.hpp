#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "migrate/operation.hpp"

/// How operations stand in files: what each kind is called, and under which keys its members are. One list
/// for reader and writer. Kinds that are not in it have a form of their own.
namespace mpf::migrate {

/// What a text may be.
enum class Word : unsigned char {
  name,   ///< goes into the database
  text,   ///< not empty
  maybe,  ///< may be empty
};

template <class Op, class Value>
struct Key {
  std::string_view key;
  Value Op::*member;
  Word word = Word::name;
};
template <class Op, class Value>
Key(std::string_view, Value Op::*) -> Key<Op, Value>;
template <class Op, class Value>
Key(std::string_view, Value Op::*, Word) -> Key<Op, Value>;

template <class Op, class... Values>
struct Form {
  using Kind = Op;
  std::string_view kind;
  std::tuple<Key<Op, Values>...> keys;
};

template <class Op, class... Values>
constexpr Form<Op, Values...> form(std::string_view kind, Key<Op, Values>... keys) {
  return {kind, {keys...}};
}

inline constexpr auto forms = std::tuple{
    form("drop_table", Key{"table", &DropTable::table}),
    form("rename_table", Key{"from", &RenameTable::from}, Key{"to", &RenameTable::to}),
    form("move_table", Key{"table", &MoveTable::table}, Key{"from", &MoveTable::from, Word::text},
         Key{"to", &MoveTable::to, Word::text}),
    form("alter_table", Key{"table", &AlterTable::table},
         Key{"tenant", &AlterTable::tenant_column, Word::maybe}),
    form("add_column", Key{"table", &AddColumn::table}, Key{"column", &AddColumn::column}),
    form("drop_column", Key{"table", &DropColumn::table}, Key{"column", &DropColumn::column}),
    form("alter_column", Key{"table", &AlterColumn::table}, Key{"column", &AlterColumn::column},
         Key{"fill_nulls", &AlterColumn::fill_nulls}),
    form("rename_column", Key{"table", &RenameColumn::table}, Key{"from", &RenameColumn::from},
         Key{"to", &RenameColumn::to}),
    form("expand_column", Key{"table", &ExpandColumn::table}, Key{"from", &ExpandColumn::from},
         Key{"column", &ExpandColumn::column}),
    form("contract_column", Key{"table", &ContractColumn::table}, Key{"from", &ContractColumn::from},
         Key{"to", &ContractColumn::to}),
    form("create_index", Key{"table", &CreateIndex::table}, Key{"index", &CreateIndex::index}),
    form("drop_index", Key{"table", &DropIndex::table}, Key{"index", &DropIndex::index}),
    form("rename_index", Key{"table", &RenameIndex::table}, Key{"from", &RenameIndex::from},
         Key{"to", &RenameIndex::to}),
    form("add_check", Key{"table", &AddCheck::table}, Key{"check", &AddCheck::check}),
    form("drop_check", Key{"table", &DropCheck::table}, Key{"check", &DropCheck::check}),
};

/// The one of that kind.
template <class Op, std::size_t At = 0>
constexpr const auto& form_of() {
  if constexpr (std::is_same_v<typename std::tuple_element_t<At, decltype(forms)>::Kind, Op>) {
    return std::get<At>(forms);
  } else {
    return form_of<Op, At + 1>();
  }
}

/// Calls `take` with each of its keys.
template <class Form>
constexpr void for_each_key(const Form& form, const auto& take) {
  std::apply([&](const auto&... key) { (take(key), ...); }, form.keys);
}

}  // namespace mpf::migrate
