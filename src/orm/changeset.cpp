#include <mpf/orm/changeset.hpp>

#include <algorithm>
#include <regex>
#include <utility>

#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/wait_watch.hpp>
#include <mpf/orm/ddl.hpp>

#include "orm/ddl.hpp"
#include "orm/sql.hpp"

namespace mpf::orm::detail {

JsonInput::JsonInput(std::string_view object) {
  JsonReader reader(object);
  std::string_view key;
  if (reader.peek() != JsonReader::Kind::object) {
    reader.wrong_type("an object");
  } else if (reader.begin_object()) {
    while (reader.next_key(key)) reader.read_raw(values_[std::string(key)]);
  }
  reader.finish();
}

const std::string* JsonInput::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string form_as_json(std::string_view text, FormKind kind) {
  if (kind == FormKind::boolean) {
    if (text == "on" || text == "true" || text == "1" || text == "yes") return "true";
    if (text.empty() || text == "off" || text == "false" || text == "0" || text == "no") return "false";
  }
  if (kind == FormKind::number) return std::string(trim(text));
  return to_json(std::string(text));
}

std::size_t text_length(std::string_view text) { return utf8_length(text); }

namespace {

bool fits_pattern(std::string_view text, std::string_view pattern) {
  try {
    // Polynomial: libstdc++ then follows all ways at once, letter by letter, instead of one after the other
    // by recursion for each letter.
    const std::regex regex(pattern.begin(), pattern.end(),
                           std::regex::ECMAScript | std::regex_constants::__polynomial);
    return std::regex_match(text.begin(), text.end(), regex);
  } catch (const std::regex_error& error) {
    throw Error(ErrorKind::internal, "the pattern '" + std::string(pattern) + "' is none: " + error.what());
  }
}

}  // namespace

std::optional<std::pair<std::string, std::string>> pattern_defect(std::string_view text,
                                                                  std::string_view pattern,
                                                                  const std::string& message) {
  constexpr std::size_t longest = 10'000;
  if (text.size() > longest) return std::pair("max_length", "is longer than 10000 bytes");
  // The depth of the pattern is what the matcher still recurses by, and fibers have small stacks.
  const auto quiet = fiber::wait_watch.set(nullptr);
  if (fiber::offload([&] { return fits_pattern(text, pattern); })) return std::nullopt;
  return std::pair("format", message);
}

namespace {

/// The columns that a rule names.
std::vector<std::string> columns_in(const Table& table, const SqlText& rule) {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const Column& column : table.columns) {
    const std::size_t at = rule.sqlite.find(ddl::quote(column.name));
    if (at != std::string::npos) found.emplace_back(at, column.name);
  }
  std::ranges::sort(found);
  std::vector<std::string> columns;
  for (auto& [at, name] : found) columns.push_back(std::move(name));
  return columns;
}

/// The columns that a constraint is about: those the database tells, or those of the constraint of that name.
std::vector<std::string> columns_of(const Table& table, const db::ConstraintError& error) {
  std::vector<std::string> columns;
  for (const std::string& told : error.columns()) {
    const std::size_t point = told.rfind('.');
    columns.push_back(point == std::string::npos ? told : told.substr(point + 1));
  }
  if (!columns.empty()) return columns;
  for (const Index& index : table.indexes) {
    if (index.name != error.constraint()) continue;
    columns = index.columns;
    for (const SqlText& expression : index.expressions) {
      for (std::string& column : columns_in(table, expression)) columns.push_back(std::move(column));
    }
    return columns;
  }
  for (const Check& check : table.checks) {
    if (check.name == error.constraint()) return columns_in(table, check.condition);
  }
  for (const Column& column : table.columns) {
    if (ddl::reference_name(table.name, column) == error.constraint()) return {column.name};
    for (const db::Dialect dialect : {db::Dialect::sqlite, db::Dialect::postgres}) {
      for (const auto& check : ddl::checks(table.name, column, dialect)) {
        if (check.name == error.constraint()) return {column.name};
      }
    }
  }
  return {};
}

/// SQLite does not say which key it was.
bool tells_what(const db::ConstraintError& error) {
  return !error.constraint().empty() || !error.columns().empty();
}

/// The references of the row that lead nowhere.
std::vector<std::size_t> broken_references(const ScopeData& scope, const ModelInfo& model,
                                           const void* object) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (!model.table.columns[i].references) continue;
    const Reference& to = *model.table.columns[i].references;
    const db::Param id = model.columns[i].get(object);
    if (std::holds_alternative<std::nullptr_t>(id)) continue;
    Sql sql(scope);
    sql << "SELECT 1 FROM ";
    sql.name(to.table) << " WHERE ";
    sql.name(to.column) << " = ";
    sql.bind(id);
    bool found = false;
    scope.db->execute(std::move(sql).take(db::Access::read), [&](const db::Row&) { found = true; });
    if (!found) columns.push_back(i);
  }
  return columns;
}

}  // namespace

bool explain_constraint(const ScopeData& scope, const ModelInfo& model, const db::ConstraintError& error,
                        const void* object, std::string_view prefix, std::vector<FieldError>& errors) {
  std::vector<std::size_t> columns;
  std::vector<std::size_t> tenants;
  const std::vector<std::string> names = columns_of(model.table, error);
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      if (model.table.columns[i].name != name) continue;
      (i == model.site || i == model.provider ? tenants : columns).push_back(i);
    }
  }
  // About nothing else: the tenant of a row that extends another may be in a key of the other as well.
  if (columns.empty() && (!model.base || tenants.size() == names.size())) columns = std::move(tenants);
  if (columns.empty() && error.type() == db::ConstraintError::Type::foreign_key && !tells_what(error)) {
    columns = broken_references(scope, model, object);
  }
  if (columns.empty()) {
    if (!model.base) return false;
    const void* const part = model.as_base(const_cast<void*>(object));  // NOLINT: only read
    return explain_constraint(scope, model.base(), error, part, prefix, errors);
  }
  using Type = db::ConstraintError::Type;
  const auto add = [&](std::size_t column, const char* code, const char* message) {
    errors.push_back({std::string(prefix) + std::string(model.columns[column].member), code, message});
  };
  switch (error.type()) {
    case Type::unique:
      add(columns.back(), "unique",
          columns.size() == 1 ? "is taken already" : "is taken already, together with the fields beside it");
      return true;
    case Type::foreign_key:
      add(columns.front(), "reference", "refers to what does not exist here");
      return true;
    case Type::not_null:
      add(columns.front(), "required", "is required");
      return true;
    default:
      add(columns.front(), "check", "is not allowed");
      return true;
  }
}

void throw_under(const ValidationError& error, std::string_view prefix) {
  std::vector<FieldError> fields = error.fields();
  for (FieldError& field : fields) field.path = std::string(prefix) + field.path;
  throw ValidationError(std::move(fields));
}

}  // namespace mpf::orm::detail
