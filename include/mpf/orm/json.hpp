#pragma once

#include <cstddef>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/json.hpp>
#include <mpf/orm/query.hpp>

namespace mpf::orm {

namespace detail {

/// A JSON array on its way, `portion` bytes and one item at a time.
template <class Send>
class ArrayInPortions {
 public:
  ArrayInPortions(const Send& send, std::size_t portion) : send_(send), portion_(portion) {
    out_.reserve(portion + 1024);
    out_ += '[';
  }

  template <class Write>
  void item(const Write& write) {
    if (!std::exchange(first_, false)) out_ += ',';
    JsonWriter writer(out_);
    write(writer);
    if (out_.size() < portion_) return;
    send_(std::string_view(out_));
    out_.clear();
  }

  void end() {
    out_ += ']';
    send_(std::string_view(out_));
  }

 private:
  const Send& send_;
  const std::size_t portion_;
  std::string out_;
  bool first_ = true;
};

/// A selected value as that member of a struct would be written.
template <class V, class Member>
void write_selected(JsonWriter& writer, const db::Row& row, std::size_t column) {
  using Value = bare<V>;
  if (is_optional<V> && row.is_null(column)) return writer.null();
  if constexpr (std::is_same_v<Value, std::string> && std::is_same_v<bare<Member>, std::string>) {
    writer.value(row.text(column));
  } else {
    bare<Member> value{};
    read_into<Value>(row, column, value);
    mpf::detail::json_write(writer, value);
  }
}

template <class Item, class... V, std::size_t... I>
void write_members(JsonWriter& writer, const db::Row& row, std::index_sequence<I...> /*of V*/) {
  constexpr const auto& fields = fields_of<Item>();
  writer.begin_object();
  ((writer.spelled_key({mpf::detail::spelled_key<Item, I>.data(), mpf::detail::spelled_key<Item, I>.size()}),
    write_selected<V, typename std::remove_cvref_t<decltype(reflect::get<I>(fields))>::type>(writer, row, I)),
   ...);
  writer.end_object();
}

template <class Item, class... V>
void write_item(JsonWriter& writer, const db::Row& row) {
  if constexpr (mpf::detail::JsonCoded<Item>) {
    Item item{};
    read_struct<Item, V...>(row, item);
    mpf::detail::json_write(writer, item);
  } else {
    write_members<Item, V...>(writer, row, std::index_sequence_for<V...>());
  }
}

}  // namespace detail

/// The rows of a query as a JSON array, written one by one: no row is kept, and `out` never holds more than
/// `portion` bytes and one row before `send(text)` takes it. Rows are as to_json() writes them, with the sets
/// that the query prefetches where the model lists them in its JSON. `send` must not use the database.
template <class T, class Send>
void write_json(const Query<T>& query, const Send& send, std::size_t portion = 16 * 1024) {
  detail::ArrayInPortions<Send> rows(send, portion);
  query.each([&](T& row) { rows.item([&](JsonWriter& writer) { mpf::detail::json_write(writer, row); }); });
  rows.end();
}

/// The same into a writer, as one value.
template <class T>
void write_json(const Query<T>& query, JsonWriter& writer) {
  writer.begin_array();
  query.each([&](T& row) { mpf::detail::json_write(writer, row); });
  writer.end_array();
}

/// The rows of a selection in the same way, as to_json() would write the structs of into<Item>(), of which
/// none is made: Item's members give the values their names, in their order.
///
///     orm::write_json<ArticleItem>(query.selection(f<&Article::id>, f<&Article::author, &User::name>),
///     send);
template <class Item, class T, class Send, class... V>
void write_json(const Selection<T, V...>& selection, const Send& send, std::size_t portion = 16 * 1024,
                std::source_location origin = std::source_location::current()) {
  if constexpr (detail::check_into<Item, V...>()) {
    detail::ArrayInPortions<Send> rows(send, portion);
    detail::run_selection(
        *selection.plan(),
        [&](const db::Row& row) {
          rows.item([&](JsonWriter& writer) { detail::write_item<Item, V...>(writer, row); });
        },
        true, origin);
    rows.end();
  }
}

/// The same into a writer, as one value.
template <class Item, class T, class... V>
void write_json(const Selection<T, V...>& selection, JsonWriter& writer,
                std::source_location origin = std::source_location::current()) {
  if constexpr (detail::check_into<Item, V...>()) {
    writer.begin_array();
    detail::run_selection(
        *selection.plan(), [&](const db::Row& row) { detail::write_item<Item, V...>(writer, row); }, true,
        origin);
    writer.end_array();
  }
}

}  // namespace mpf::orm
