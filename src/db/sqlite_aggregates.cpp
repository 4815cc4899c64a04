#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "db/sqlite_array.hpp"
#include "db/sqlite_call.hpp"

/// Aggregates of many values in an order, which SQLite's own cannot keep.
namespace mpf::db::sqlite {

namespace {

/// Values of one type compare as PostgreSQL compares them: texts by their bytes. Nothing stands for NULL.
using Key = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Term {
  bool descending;
  bool nulls_first;
};

struct Entry {
  Param value;
  std::vector<Key> keys;
};

/// The state of an aggregate: SQLite gives a zeroed place for a pointer.
struct Collected {
  std::string option;  ///< the separator, or the type
  std::vector<Term> terms;
  std::vector<Entry> entries;
};

Key key_of(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    default:  // the bytes of UUIDs too
      const auto* const bytes = static_cast<const char*>(sqlite3_value_blob(value));
      return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))) : std::string();
  }
}

/// As elements of arrays are, which columns keep in another way.
Param element_of(std::string_view type, sqlite3_value* value) {
  const auto number = [value] { return std::int64_t{sqlite3_value_int64(value)}; };
  if (type == "boolean") return number() != 0;
  if (type == "int8") return number();
  if (type == "float8") return sqlite3_value_double(value);
  if (type == "timestamptz") return Timestamp(Microseconds(number()));
  if (type == "date") return Date(std::chrono::sys_days(std::chrono::days(number())));
  if (type != "uuid") return std::string(text_of(value));
  Uuid::Bytes bytes{};
  if (sqlite3_value_bytes(value) != static_cast<int>(bytes.size())) {
    throw std::invalid_argument("a UUID has not 16 bytes");
  }
  std::memcpy(bytes.data(), sqlite3_value_blob(value), bytes.size());
  return Uuid(bytes);
}

ElementType element_type(std::string_view name) {
  constexpr std::pair<std::string_view, ElementType> types[] = {
      {"boolean", ElementType::boolean},       {"int8", ElementType::integer}, {"float8", ElementType::real},
      {"timestamptz", ElementType::timestamp}, {"date", ElementType::date},    {"uuid", ElementType::uuid}};
  const auto* const found = std::ranges::find(types, name, &std::pair<std::string_view, ElementType>::first);
  return found == std::end(types) ? ElementType::text : found->second;
}

/// (value, option, how, key, how, key, …), a how being "af": ascending, absent values first.
template <bool texts>
void step(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  auto** const place = static_cast<Collected**>(sqlite3_aggregate_context(context, sizeof(Collected*)));
  if (!place) return sqlite3_result_error_nomem(context);
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return;
  try {
    if (!*place) {
      auto made = std::make_unique<Collected>(Collected{std::string(text_of(values[1])), {}, {}});
      for (int i = 2; i + 1 < count; i += 2) {
        const std::string_view how = text_of(values[i]);
        made->terms.push_back({how.starts_with('d'), how.ends_with('f')});
      }
      *place = made.release();
    }
    Entry entry{texts ? Param(std::string(text_of(values[0]))) : element_of((*place)->option, values[0]), {}};
    for (int i = 3; i < count; i += 2) entry.keys.push_back(key_of(values[i]));
    (*place)->entries.push_back(std::move(entry));
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

bool is_before(const std::vector<Term>& terms, const Entry& a, const Entry& b) {
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (a.keys[i] == b.keys[i]) continue;
    const bool a_absent = a.keys[i].index() == 0;
    if (a_absent || b.keys[i].index() == 0) return a_absent == terms[i].nulls_first;
    return (a.keys[i] < b.keys[i]) != terms[i].descending;
  }
  return false;
}

std::unique_ptr<Collected> sorted(sqlite3_context* context) {
  auto** const place = static_cast<Collected**>(sqlite3_aggregate_context(context, 0));
  if (!place || !*place) return nullptr;
  std::unique_ptr<Collected> all(std::exchange(*place, nullptr));
  std::ranges::stable_sort(all->entries,
                           [&](const Entry& a, const Entry& b) { return is_before(all->terms, a, b); });
  return all;
}

std::optional<std::string> joined(sqlite3_context* context) {
  const std::unique_ptr<Collected> all = sorted(context);
  if (!all) return std::nullopt;
  std::string text;
  for (const Entry& entry : all->entries) {
    if (&entry != all->entries.data()) text += all->option;
    text += std::get<std::string>(entry.value);
  }
  return text;
}

std::optional<std::string> listed(sqlite3_context* context) {
  const std::unique_ptr<Collected> all = sorted(context);
  if (!all) return "[]";
  Array array{element_type(all->option), {}};
  for (Entry& entry : all->entries) array.values.push_back(std::move(entry.value));
  std::string text;
  write_array(text, array);
  return text;
}

template <std::optional<std::string> (*make)(sqlite3_context*)>
void finish(sqlite3_context* context) noexcept {
  try {
    if (const auto text = make(context)) give_text(context, *text);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

}  // namespace

int register_aggregates(sqlite3* handle) {
  constexpr int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
  const int code = sqlite3_create_function_v2(handle, "mpf_string_agg", -1, flags, nullptr, nullptr,
                                              step<true>, finish<joined>, nullptr);
  if (code != SQLITE_OK) return code;
  return sqlite3_create_function_v2(handle, "mpf_array_agg", -1, flags, nullptr, nullptr, step<false>,
                                    finish<listed>, nullptr);
}

}  // namespace mpf::db::sqlite
