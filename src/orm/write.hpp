#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <mpf/orm/detail/writes.hpp>

#include "orm/sql.hpp"
#include "orm/tenancy.hpp"

/// What the sources that write rows share.
namespace mpf::orm::detail {

/// A column with the value to be written.
struct Written {
  std::size_t column;
  db::Param value;
};

inline std::string_view column_name_at(const ModelInfo& model, std::size_t column) {
  return model.table.columns[column].name;
}

/// Whether a reference's target has to be looked at: not where it is the scope's own tenant, nor where only
/// the database's foreign key can say anything.
bool column_needs_check(const ScopeData& scope, const ModelInfo& model, std::size_t column);
bool needs_check(const ScopeData& scope, const ModelInfo& model, const Written& written);

void write_reference_exists(Sql& sql, std::size_t number, const ModelInfo& target, const db::Param& id,
                            const ScopeData& scope, const OwnerRow& owner);

/// After a write touched nothing: throws for the reference that was at fault, if one was.
void explain_references(const ScopeData& scope, const ModelInfo& model, const std::vector<Written>& values,
                        const void* object);

void set_automatic_fields(const ScopeData& scope, const ModelInfo& model, void* object, Timestamp now,
                          bool is_new);

/// "INSERT INTO … (…) ", with the columns that come with a new row.
void write_insert_head(Sql& sql, const ModelInfo& model);
/// " RETURNING " its id.
void write_returning(Sql& sql, const ModelInfo& model);

/// The values of a new row, its tenant and automatic fields set.
std::vector<Written> prepare_new(const ScopeData& scope, const ModelInfo& model, void* object,
                                 std::string_view prefix, std::vector<FieldError>& errors);

/// For each reference of the rows: throws for the first that leads to a row it may not; one statement a
/// reference and tenant.
void check_references(const ScopeData& scope, const ModelInfo& model, Objects objects);

/// The columns of the unique set that these members name; its tenant column need not be named.
std::vector<std::size_t> unique_columns(const ModelInfo& model, Key key);

/// "<column> = <value>", or "<column> IS NULL" for an absent one.
void write_equals(Sql& sql, Sql::Alias table, std::string_view column, const db::Param& value);

/// " ON CONFLICT (…)" for the unique set that has these columns.
void write_conflict_target(Sql& sql, const ModelInfo& model, const std::vector<std::size_t>& key);

/// Where no row may be the one with the key of another: throws ValidationError for a key without one of its
/// values, unless the unique set takes absent values for equal.
void refuse_absent_keys(const ModelInfo& model, const std::vector<std::size_t>& key, const void* object,
                        std::string_view prefix);

std::size_t version_column(const ModelInfo& model);

/// Whether that column comes with a new row: all but generated ones, and ids that the database gives.
inline bool is_inserted(const ModelInfo& model, std::size_t column) {
  return !model.columns[column].generated && (column != model.id || model.base);
}

/// Whether the scope may change such a row of the model's own table.
bool row_is_there(const ScopeData& scope, const ModelInfo& model, Id id);

// inherit.cpp: rows of models that extend others, both parts in one transaction.
/// Throws for rows that have an id or values that don't fit; fills in their tenant.
void check_new_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, bool many);
/// The scope as it stores the base's part of a row of the model.
ScopeData storing_part_of(const ScopeData& scope, const ModelInfo& model);
void insert_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, bool many);
void update_extended(const ScopeData& scope, const ModelInfo& model, Objects objects,
                     std::span<const std::string_view> members, bool many);
bool remove_extended(const ScopeData& scope, const ModelInfo& model, Id id);
// inherit_upsert.cpp: as insert_new_row() and upsert_rows(), the key being of any part.
bool insert_new_extended(const ScopeData& scope, const ModelInfo& model, void* object, Key key);
void upsert_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key);

/// The part of a row, the model's own or one that it extends, which has the members of the key.
struct KeyPart {
  const ModelInfo* model;
  const void* object;
  std::size_t depth;  ///< 0: the own one
};
KeyPart key_part(const ModelInfo& model, const void* object, Key key);
/// Throws ValidationError for a key that two of the rows have.
void refuse_same_keys(const ModelInfo& model, const std::vector<std::size_t>& key,
                      const std::vector<std::vector<Written>>& rows);

/// The parts of objects that are of the model they extend.
Objects bases_of(const ModelInfo& model, Objects objects);

/// The own part alone; the ids are those of the base's rows.
bool insert_new_own_row(const ScopeData& scope, const ModelInfo& model, void* object, Key key);
void insert_own_row(const ScopeData& scope, const ModelInfo& model, void* object);
void insert_own_rows(const ScopeData& scope, const ModelInfo& model, Objects objects);
void update_own_row(const ScopeData& scope, const ModelInfo& model, void* object,
                    std::span<const std::string_view> members);
void update_own_rows(const ScopeData& scope, const ModelInfo& model, Objects objects,
                     std::span<const std::string_view> members);

/// Columns that update() writes: all that a row may change, or those named.
std::vector<std::size_t> columns_to_update(const ModelInfo& model, std::span<const std::string_view> members);

/// insert_rows() of more than a few: ids are reserved, then all goes through Database::bulk_insert().
void insert_many_rows(const ScopeData& scope, const ModelInfo& model, Objects objects);

/// How many rows of so many values each one statement may carry, each value being a parameter.
std::size_t rows_per_statement(std::size_t columns);

}  // namespace mpf::orm::detail
