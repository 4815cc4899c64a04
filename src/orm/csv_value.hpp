#pragma once

#include <string>
#include <string_view>

#include <mpf/db/bulk.hpp>
#include <mpf/db/row.hpp>
#include <mpf/orm/schema.hpp>

/// Values as the text that stands for them in CSV, and back.
namespace mpf::orm::csv {

/// Into `text`, which is empty. The column is not null.
void read_value(const db::Row& row, std::size_t index, const Column& column, std::string& text);

/// Error(invalid) saying what is expected, without the column's name.
void write_value(db::RowWriter& writer, const Column& column, std::string_view text);

/// Of equal JSON values the same text, whichever database kept them.
std::string canonical_json(std::string_view json);

}  // namespace mpf::orm::csv
