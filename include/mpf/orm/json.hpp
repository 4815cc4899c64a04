#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <mpf/base/json.hpp>
#include <mpf/orm/query.hpp>

namespace mpf::orm {

/// The rows of a query as a JSON array, written one by one: no row is kept, and `out` never holds more than
/// `portion` bytes and one row before `send(text)` takes it. Rows are as to_json() writes them, with the sets
/// that the query prefetches where the model lists them in its JSON. `send` must not use the database.
template <class T, class Send>
void write_json(const Query<T>& query, const Send& send, std::size_t portion = 16 * 1024) {
  std::string out;
  out.reserve(portion + 1024);
  out += '[';
  bool first = true;
  query.each([&](T& row) {
    if (!first) out += ',';
    first = false;
    JsonWriter writer(out);
    mpf::detail::json_write(writer, row);
    if (out.size() < portion) return;
    send(std::string_view(out));
    out.clear();
  });
  out += ']';
  send(std::string_view(out));
}

/// The same into a writer, as one value.
template <class T>
void write_json(const Query<T>& query, JsonWriter& writer) {
  writer.begin_array();
  query.each([&](T& row) { mpf::detail::json_write(writer, row); });
  writer.end_array();
}

}  // namespace mpf::orm
