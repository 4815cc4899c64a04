#pragma once

#include <string>
#include <string_view>

#include <mpf/db/row.hpp>

/// Arrays and ranges as the JSON text in which SQLite keeps them.
namespace mpf::db::sqlite {

/// Appends. Error(invalid) for what JSON cannot say: malformed UTF-8, NaN, infinities; Error(internal) for an
/// element that is not of the array's type.
void write_array(std::string& out, const Array& array);
void write_range(std::string& out, const RangeValue& range);

/// Error(corrupt) naming the column for text that is no array or range.
void read_array(std::string_view column, std::string_view text, const RowSink& on_element);
RangeValue read_range(std::string_view column, std::string_view text, ElementType type);

}  // namespace mpf::db::sqlite
