#include "db/sqlite_functions.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include <mpf/base/unicode.hpp>
#include <mpf/base/word_search.hpp>

#include "db/sqlite_call.hpp"

namespace mpf::db::sqlite {

namespace {

void lower(sqlite3_context* context, Arguments values) { give_text(context, to_lower(text_of(values[0]))); }
void upper(sqlite3_context* context, Arguments values) { give_text(context, to_upper(text_of(values[0]))); }

/// Whether the text is what the pattern says: % for any text, _ for one character, \ before what means
/// itself.
bool is_like(std::string_view text, std::string_view pattern) {
  std::string_view retry_text;  // where the last % may take one character more
  std::string_view retry_pattern;
  bool retry = false;
  while (true) {
    if (!pattern.empty() && pattern.front() == '%') {
      pattern.remove_prefix(1);
      retry = true;
      retry_text = text;
      retry_pattern = pattern;
      continue;
    }
    if (pattern.empty() && text.empty()) return true;
    bool same = false;
    if (!pattern.empty() && !text.empty()) {
      const bool escaped = pattern.front() == '\\' && pattern.size() > 1;
      const bool any = pattern.front() == '_';
      if (escaped) pattern.remove_prefix(1);
      const std::uint32_t wanted = next_code_point(pattern);
      same = next_code_point(text) == wanted || any;
    }
    if (same) continue;
    if (!retry || retry_text.empty()) return false;
    next_code_point(retry_text);
    text = retry_text;
    pattern = retry_pattern;
  }
}

void like(sqlite3_context* context, Arguments values) {
  sqlite3_result_int(context, is_like(text_of(values[0]), text_of(values[1])) ? 1 : 0);
}

/// Half away from zero; step by step what the PostgreSQL expression does, so that both give the same bits.
void round_to(sqlite3_context* context, Arguments values) {
  const double value = sqlite3_value_double(values[0]);
  const double power = sqlite3_value_double(values[1]);
  const double sign = value > 0 ? 1.0 : value < 0 ? -1.0 : 0.0;
  sqlite3_result_double(context, std::trunc(value * power + sign * 0.5) / power + 0.0);
}

void round_down(sqlite3_context* context, Arguments values) {
  sqlite3_result_double(context, std::floor(sqlite3_value_double(values[0])) + 0.0);
}
void round_up(sqlite3_context* context, Arguments values) {
  sqlite3_result_double(context, std::ceil(sqlite3_value_double(values[0])) + 0.0);
}

void real_to_integer(sqlite3_context* context, Arguments values) {
  const double value = std::trunc(sqlite3_value_double(values[0]));
  if (!(value >= -0x1p63 && value < 0x1p63)) {
    sqlite3_result_error(context, "a number is beyond what an integer holds", -1);
  } else {
    sqlite3_result_int64(context, static_cast<std::int64_t>(value));
  }
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && text[at + count] >= '0' && text[at + count] <= '9') ++count;
  return count;
}

/// Nothing for what is no number.
void text_to_integer(sqlite3_context* context, Arguments values) {
  const std::string text(text_of(values[0]));
  const std::size_t start = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::size_t digits = digits_at(text, start);
  if (digits == 0 || digits > 18 || start + digits != text.size()) return;
  sqlite3_result_int64(context, std::strtoll(text.c_str(), nullptr, 10));
}

void text_to_real(sqlite3_context* context, Arguments values) {
  const std::string text(text_of(values[0]));
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::size_t whole = digits_at(text, at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits_at(text, at + 1);
    at += fraction + 1;
  }
  if (whole + fraction == 0 || whole > 100 || fraction > 100) return;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = digits_at(text, at);
    if (exponent == 0 || exponent > 2) return;
    at += exponent;
  }
  if (at == text.size()) sqlite3_result_double(context, std::strtod(text.c_str(), nullptr));
}

using Time = std::chrono::sys_time<std::chrono::microseconds>;

Time time_of(sqlite3_value* value) { return Time(std::chrono::microseconds(sqlite3_value_int64(value))); }

std::int64_t date_part_of(std::string_view part, Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> clock(time - day);
  if (part == "year") return int{date.year()};
  if (part == "quarter") return (unsigned{date.month()} + 2) / 3;
  if (part == "month") return unsigned{date.month()};
  if (part == "day") return unsigned{date.day()};
  if (part == "isodow") return weekday(day).iso_encoding();
  if (part == "hour") return clock.hours().count();
  if (part == "minute") return clock.minutes().count();
  if (part == "second") return clock.seconds().count();
  throw std::invalid_argument("mpf_date_part: no such part");
}

void date_part(sqlite3_context* context, Arguments values) {
  sqlite3_result_int64(context, date_part_of(text_of(values[0]), time_of(values[1])));
}

Time truncated(std::string_view part, Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  if (part == "year") return sys_days(date.year() / January / 1);
  if (part == "quarter") return sys_days(date.year() / month((unsigned{date.month()} - 1) / 3 * 3 + 1) / 1);
  if (part == "month") return sys_days(date.year() / date.month() / 1);
  if (part == "week") return day - (weekday(day) - Monday);
  if (part == "day") return day;
  if (part == "hour") return floor<hours>(time);
  if (part == "minute") return floor<minutes>(time);
  if (part == "second") return floor<seconds>(time);
  throw std::invalid_argument("mpf_date_trunc: no such part");
}

void date_trunc(sqlite3_context* context, Arguments values) {
  const Time time = truncated(text_of(values[0]), time_of(values[1]));
  sqlite3_result_int64(context, time.time_since_epoch().count());
}

/// The query's tree, kept while the statement runs.
const SearchQuery& search_query(sqlite3_context* context, sqlite3_value* value,
                                std::optional<SearchQuery>& own) {
  if (const auto* const kept = static_cast<SearchQuery*>(sqlite3_get_auxdata(context, 1))) return *kept;
  auto parsed = std::make_unique<SearchQuery>(parse_search(text_of(value)));
  own = *parsed;
  sqlite3_set_auxdata(context, 1, parsed.release(),
                      [](void* query) { delete static_cast<SearchQuery*>(query); });
  return *own;
}

void search(sqlite3_context* context, Arguments values) {
  std::optional<SearchQuery> own;
  const SearchQuery& query = search_query(context, values[1], own);
  sqlite3_result_int(context, matches(query, search_words(text_of(values[0]))) ? 1 : 0);
}

void rank(sqlite3_context* context, Arguments values) {
  std::optional<SearchQuery> own;
  const SearchQuery& query = search_query(context, values[1], own);
  sqlite3_result_double(context, search_rank(query, search_words(text_of(values[0]))));
}

/// mpf_bytes(hexadecimal text), mpf_real(its 64 bits): what lists in JSON cannot hold exactly.
void bytes_of(sqlite3_context* context, Arguments values) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  const std::string_view text = text_of(values[0]);
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  }
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

void real_of(sqlite3_context* context, Arguments values) {
  sqlite3_result_double(context, std::bit_cast<double>(sqlite3_value_int64(values[0])));
}

}  // namespace

int register_functions(sqlite3* handle) {
  constexpr Function functions[] = {
      {"mpf_lower", 1, call<lower>},
      {"mpf_upper", 1, call<upper>},
      {"mpf_like", 2, call<like>},
      {"mpf_round", 2, call<round_to>},
      {"mpf_floor", 1, call<round_down>},
      {"mpf_ceil", 1, call<round_up>},
      {"mpf_real_to_integer", 1, call<real_to_integer>},
      {"mpf_text_to_integer", 1, call<text_to_integer>},
      {"mpf_text_to_real", 1, call<text_to_real>},
      {"mpf_date_part", 2, call<date_part>},
      {"mpf_date_trunc", 2, call<date_trunc>},
      {"mpf_bytes", 1, call<bytes_of>},
      {"mpf_real", 1, call<real_of>},
      {"mpf_search", 2, call<search>},
      {"mpf_search_rank", 2, call<rank>},
  };
  for (const auto& add : {register_json_functions, register_value_functions, register_aggregates}) {
    if (const int code = add(handle); code != SQLITE_OK) return code;
  }
  return add_functions(handle, functions);
}

int add_functions(sqlite3* handle, std::span<const Function> functions) {
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const Function& function : functions) {
    const int code = sqlite3_create_function_v2(handle, function.name, function.arguments, flags, nullptr,
                                                function.call, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace mpf::db::sqlite
