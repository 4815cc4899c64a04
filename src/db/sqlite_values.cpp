#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <mpf/base/decimal.hpp>
#include <mpf/base/range.hpp>

#include "db/sqlite_array.hpp"
#include "db/sqlite_call.hpp"

/// Decimals and ranges for SQLite, as PostgreSQL has them.
namespace mpf::db::sqlite {

namespace {

/// mpf_divide(a, b, raise): a * 10^raise / b, halves away from zero; NULL for a division by zero.
void divide(sqlite3_context* context, Arguments values) {
  const std::int64_t by = sqlite3_value_int64(values[1]);
  if (by == 0) return;
  sqlite3_result_int64(context, decimal::divide(sqlite3_value_int64(values[0]), by,
                                                sqlite3_value_int(values[2]), Rounding::half_up));
}

/// Of all kinds, for their bounds are kept as numbers; those of whole numbers and dates as [lower, upper), so
/// that what lies between two of them is no matter.
Range<Timestamp> range_of(sqlite3_value* value) {
  const RangeValue range = read_range("range", text_of(value), ElementType::timestamp);
  if (range.empty) return {};
  const auto bound = [](const std::optional<std::int64_t>& at) {
    return at ? std::optional(Timestamp(Microseconds(*at))) : std::nullopt;
  };
  return {bound(range.lower), bound(range.upper), range.lower_inclusive, range.upper_inclusive};
}

/// mpf_range(how, range, other)
void range(sqlite3_context* context, Arguments values) {
  const std::string_view how = text_of(values[0]);
  const Range<Timestamp> own = range_of(values[1]);
  bool holds = false;
  if (how == "has") {
    holds = own.contains(Timestamp(Microseconds(sqlite3_value_int64(values[2]))));
  } else if (how == "contains") {
    holds = own.contains(range_of(values[2]));
  } else if (how == "overlaps") {
    holds = own.overlaps(range_of(values[2]));
  } else if (how == "within") {
    holds = range_of(values[2]).contains(own);
  } else {
    throw std::invalid_argument("mpf_range: no such question");
  }
  sqlite3_result_int(context, holds ? 1 : 0);
}

}  // namespace

int register_value_functions(sqlite3* handle) {
  constexpr Function functions[] = {{"mpf_divide", 3, call<divide>}, {"mpf_range", 3, call<range>}};
  return add_functions(handle, functions);
}

}  // namespace mpf::db::sqlite
