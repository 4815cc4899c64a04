#include <mpf/orm/detail/model_info.hpp>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/orm/ddl.hpp>

#include "orm/ddl.hpp"

namespace mpf::orm::detail {

namespace {

/// Whether an index on that column alone would add nothing.
bool leads_an_index(const Table& table, const std::string& column) {
  return std::ranges::any_of(table.indexes, [&](const Index& index) {
    return !index.columns.empty() && index.columns.front() == column && !index.where &&
           index.method == IndexMethod::btree;
  });
}

/// The tenant that, together with the id, other models of the tenant refer to.
std::size_t key_tenant(const ModelInfo& info) {
  const auto refers = [&](std::size_t column) {
    return column != no_column && info.table.columns[column].references &&
           !info.table.columns[column].nullable;
  };
  if (refers(info.site)) return info.site;
  return refers(info.provider) ? info.provider : no_column;
}

}  // namespace

std::size_t ModelInfo::column_of(std::string_view member) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].member == member) return i;
  }
  throw Error(ErrorKind::internal, fmt::format("{} has no field '{}'", type_name, member));
}

bool has_retired_base(const ModelInfo& model) {
  return model.base && (model.base().retired != no_column || has_retired_base(model.base()));
}

void add_columns(ModelInfo& info, std::span<const FieldFacts> fields) {
  for (const FieldFacts& field : fields) {
    const std::size_t index = info.columns.size();
    info.columns.push_back(field.info);
    Column& column = info.table.columns.emplace_back();
    column.name = field.column;
    column.type = field.type;
    column.nullable = field.nullable;
    column.primary_key = field.is_id;
    column.max_length = field.max_length;
    column.choices.assign(field.choices.begin(), field.choices.end());
    column.default_value = field.default_value;
    column.renamed_from = field.renamed_from;
    column.scale = field.scale;
    column.element = field.element;
    column.byte_order = field.type == ColumnType::text || field.element == ElementType::text;
    if (!field.target_table.empty()) {
      column.references = Reference{.table = std::string(field.target_table),
                                    .on_delete = field.on_delete,
                                    .tenant = std::string(field.shared.own),
                                    .target_tenant = std::string(field.shared.target)};
    }
    if (field.unique) info.table.indexes.push_back({"", {column.name}, true});
    if (field.indexed) info.table.indexes.push_back({"", {column.name}, false});
    if (field.is_id) info.id = index;
    if (field.provider) info.provider = index;
    if (field.retired) info.retired = index;
    if (field.kind) info.kind = index;
    if (field.tenant) {
      info.site = index;
      info.table.tenant_column = column.name;
      info.site_model = field.site_model;
    }
  }
}

void finish_table(ModelInfo& info) {
  Table& table = info.table;
  if (const std::size_t tenant = key_tenant(info); tenant != no_column) {
    table.indexes.push_back({"", {table.columns[tenant].name, table.columns[info.id].name}, true});
  }
  for (const Column& column : table.columns) {
    if (column.references && !column.primary_key && !leads_an_index(table, column.name)) {
      table.indexes.push_back({"", {column.name}, false});
    }
  }
  for (Index& index : table.indexes) {
    if (!index.name.empty()) continue;
    auto words = index.columns;
    if (!index.expressions.empty()) words.emplace_back("expr");
    index.name = index_name(table.name, words, index.unique);
  }
  std::ranges::sort(table.indexes, {}, &Index::name);
  // The same index said twice, as by indexed and a reference, is one; another one needs another name.
  const auto [first, last] = std::ranges::unique(table.indexes);
  table.indexes.erase(first, last);
  const auto same_name = std::ranges::adjacent_find(table.indexes, {}, &Index::name);
  if (same_name != table.indexes.end()) {
    throw Error(ErrorKind::internal, fmt::format("{} has two indexes '{}': tell them apart by orm::named()",
                                                 info.type_name, same_name->name));
  }
  for (Check& check : table.checks) check.name = ddl::check_name(table.name, check.name);
  std::ranges::sort(table.checks, {}, &Check::name);
}

void load_children(void* object, const db::Row& row, const ModelInfo& model,
                   const std::vector<LoadNode>& children) {
  for (const LoadNode& child : children) {
    if (child.column == no_column) {
      load_children(model.as_base(object), row, model.base(), child.children);
    } else {
      model.columns[child.column].load(object, row, child);
    }
  }
}

void throw_out_of_range(const db::Row& row, std::size_t column, std::int64_t value) {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds {}, which the model's type cannot",
                                              row.column_name(column), value));
}

void throw_unknown_choice(const db::Row& row, std::size_t column) {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds '{}', which no enumerator is named",
                                              row.column_name(column), row.text(column)));
}

void throw_null_element(const db::Row& row, std::size_t column) {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds an array with an absent element, which the "
                                              "model's type cannot",
                                              row.column_name(column)));
}

void throw_bad_json(const db::Row& row, std::size_t column, const std::exception& error) {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds JSON that does not fit the model: {}",
                                              row.column_name(column), error.what()));
}

void throw_unnamed_choice(std::int64_t value) {
  throw ValidationError("", "choice", fmt::format("{} is none of the choices", value));
}

void throw_not_loaded(std::string_view origin, Id id) {
  if (origin.empty()) {
    throw Error(ErrorKind::internal,
                fmt::format("the row of a reference to {} was not loaded: a reference made from an id has "
                            "only the id; read the row with get()",
                            id.value));
  }
  throw Error(ErrorKind::internal,
              fmt::format("the row that {} refers to (id {}) was not loaded: add .with<&{}>() to the query",
                          origin, id.value, origin));
}

}  // namespace mpf::orm::detail
