#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/orm/scope.hpp>

/// What strangers send becomes a row only through a changeset: an allow-list of fields, types checked,
/// validated, and what the database refuses told by field as well:
///
///     orm::Changeset<Article> changes(article);
///     changes.cast<&Article::title, &Article::rank>(body)
///         .required<&Article::title>()
///         .length<&Article::title>(3, 200)
///         .number<&Article::rank>(0, 10);
///     orm::apply(scope, changes);                   // inserts a new row, updates only what changed
namespace mpf::orm {

/// Values of a form, by name; the names are those of the members.
using FormValues = std::map<std::string, std::string, std::less<>>;

namespace detail {

/// Calls take(reader) for the value of that name; false when the object has none. Throws ValidationError for
/// what is no JSON object.
class JsonInput {
 public:
  explicit JsonInput(std::string_view object);
  const std::string* find(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// A form's text for a field of that type, as JSON: texts quoted, numbers and booleans as they are.
enum class FormKind : std::uint8_t { text, number, boolean };
std::string form_as_json(std::string_view text, FormKind kind);

template <class T>
consteval FormKind form_kind() {
  if constexpr (std::is_same_v<T, bool>) {
    return FormKind::boolean;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, Id> || is_ref<T>) {
    return FormKind::number;
  } else {
    return FormKind::text;
  }
}

/// Whether the database's refusal of that row is about fields of the model: adds their errors. May run
/// statements, so the transaction that was refused must have ended.
bool explain_constraint(const ScopeData& scope, const ModelInfo& model, const db::ConstraintError& error,
                        const void* object, std::string_view prefix, std::vector<FieldError>& errors);
/// Errors of a ValidationError of the ORM, below `prefix`.
[[noreturn]] void throw_under(const ValidationError& error, std::string_view prefix);

/// Characters (code points).
std::size_t text_length(std::string_view text);
/// True if the whole text fits the regular expression (ECMAScript).
/// Code and message of what is wrong; nothing for a text that fits.
std::optional<std::pair<std::string, std::string>> pattern_defect(std::string_view text,
                                                                  std::string_view pattern,
                                                                  const std::string& message);

}  // namespace detail

/// The changes of one row, new or stored. Errors are collected, one at most for each field and check, never
/// thrown before the changes are applied. Belongs to one fiber at a time.
///
/// When a transaction or savepoint is rolled back, what apply() wrote in it counts as changed again, and a
/// row that it inserted as new: the changes can be applied again, also by a transaction that runs again
/// (TransactionOptions::retries). Copies are on their own: one that was made inside of the transaction is not
/// taken back. What was moved from can only be assigned to.
template <class T>
class Changeset {
 public:
  /// For a new row.
  Changeset() = default;
  /// For a row that is stored already.
  explicit Changeset(T stored) : remembered_(std::move(stored)) {}

  /// Takes the values of these fields, and of no others, from a JSON object. Fields that it lacks keep their
  /// values. Throws ValidationError for text that is no JSON object.
  template <auto... Members>
  Changeset& cast(std::string_view json) {
    const detail::JsonInput input(json);
    (take<Members>([&] { return input.find(name_of<Members>()); }), ...);
    return *this;
  }
  /// From a form: an empty text is the absence of an optional value, else the empty text.
  template <auto... Members>
  Changeset& cast(const FormValues& form) {
    (take_form<Members>(form), ...);
    return *this;
  }
  /// A value from the program itself.
  template <auto Member>
  Changeset& set(member_type<Member> value) {
    row().*Member = std::move(value);
    return *this;
  }

  /// Not null, not an empty or blank text, not a reference to nothing.
  template <auto... Members>
  Changeset& required() {
    (require<Members>(), ...);
    return *this;
  }

  /// In characters, both ends included.
  template <auto Member>
  Changeset& length(std::size_t least, std::size_t most) {
    return inspect<Member>([&](const auto& value) -> std::optional<std::pair<std::string, std::string>> {
      const std::size_t characters = detail::text_length(value);
      if (characters < least) {
        return std::pair("min_length", "is shorter than " + std::to_string(least) + " characters");
      }
      if (characters > most) {
        return std::pair("max_length", "is longer than " + std::to_string(most) + " characters");
      }
      return std::nullopt;
    });
  }

  /// The whole text fits a regular expression (ECMAScript without references back to groups); a pattern that
  /// is none is Error(internal). Takes a time that grows with the length of the text and no faster, off the
  /// loop; a text of more than 10,000 bytes is refused as "max_length" without being looked at.
  template <auto Member>
  Changeset& format(std::string_view pattern, std::string message = "has not the right form") {
    return inspect<Member>([&](const auto& value) -> std::optional<std::pair<std::string, std::string>> {
      return detail::pattern_defect(value, pattern, message);
    });
  }

  /// Both ends included. For everything that has an order.
  template <auto Member>
  Changeset& number(const detail::bare<member_type<Member>>& least,
                    const detail::bare<member_type<Member>>& most) {
    return inspect<Member>([&](const auto& value) -> std::optional<std::pair<std::string, std::string>> {
      if (value < least) return std::pair("min", "is less than " + to_json(least));
      if (most < value) return std::pair("max", "is more than " + to_json(most));
      return std::nullopt;
    });
  }

  template <auto Member>
  Changeset& one_of(std::initializer_list<detail::bare<member_type<Member>>> choices) {
    return inspect<Member>([&](const auto& value) -> std::optional<std::pair<std::string, std::string>> {
      for (const auto& choice : choices) {
        if (value == choice) return std::nullopt;
      }
      return std::pair("choice", "is none of the choices");
    });
  }

  /// rule(value) gives a message, or nothing for a good value. Not asked where the value is absent.
  template <auto Member, class Rule>
  Changeset& check(std::string code, const Rule& rule) {
    return inspect<Member>([&](const auto& value) -> std::optional<std::pair<std::string, std::string>> {
      std::optional<std::string> message = rule(value);
      if (!message) return std::nullopt;
      return std::pair(code, std::move(*message));
    });
  }

  /// About the row as a whole, or a field by name.
  Changeset& error(std::string path, std::string code, std::string message) {
    errors_.push_back({std::move(path), std::move(code), std::move(message)});
    return *this;
  }

  bool valid() const noexcept { return errors_.empty(); }
  const std::vector<FieldError>& errors() const noexcept { return errors_; }
  /// Throws ValidationError with all that is wrong.
  void require_valid() const {
    if (!errors_.empty()) throw ValidationError(errors_);
  }

  bool is_new() const noexcept { return !before(); }
  /// The members that differ from what is stored; all values of a new row count as new.
  std::vector<std::string_view> changes() const { return changes_since(before() ? *before() : T{}, row()); }

  T& row() noexcept { return remembered_.row(); }
  const T& row() const noexcept { return remembered_.row(); }
  const std::optional<T>& before() const noexcept { return remembered_.before(); }
  /// What it is now is what is stored: apply() does it.
  void settle() { remembered_.before() = remembered_.row(); }

  /// For the ORM's own parts.
  const detail::Remembered<T>& remembered() const noexcept { return remembered_; }

 private:
  template <auto Member>
  static constexpr std::string_view name_of() {
    static_assert(detail::is_described<T, Member>(), "this member is not a field of the model");
    return member_name<Member>;
  }

  template <auto Member, class Find>
  void take(const Find& find) {
    const std::string* const text = find();
    if (!text) return;
    read<Member>(*text);
  }

  template <auto Member>
  void take_form(const FormValues& form) {
    using Type = member_type<Member>;
    const auto given = form.find(name_of<Member>());
    if (given == form.end()) return;
    if constexpr (detail::is_optional<Type>) {
      if (given->second.empty()) {
        row().*Member = std::nullopt;
        return;
      }
    }
    read<Member>(detail::form_as_json(given->second, detail::form_kind<detail::bare<Type>>()));
  }

  template <auto Member>
  void read(const std::string& json) {
    try {
      row().*Member = from_json<member_type<Member>>(json);
    } catch (const ValidationError& error) {
      for (const FieldError& each : error.fields()) {
        std::string path(name_of<Member>());
        if (!each.path.empty()) path += (each.path.front() == '[' ? "" : ".") + each.path;
        const bool form = each.code == "syntax";
        errors_.push_back(
            {std::move(path), form ? "type" : each.code, form ? "is not of the right type" : each.message});
      }
    }
  }

  template <auto Member>
  bool failed() const {
    for (const FieldError& error : errors_) {
      if (error.path == name_of<Member>()) return true;
    }
    return false;
  }

  template <auto Member>
  void require() {
    if (failed<Member>()) return;
    const auto& value = row().*Member;
    using Type = member_type<Member>;
    bool there = true;
    if constexpr (detail::is_optional<Type>) there = value.has_value();
    const auto present = [](const auto& bare) {
      using Bare = std::remove_cvref_t<decltype(bare)>;
      if constexpr (std::is_same_v<Bare, std::string>) {
        return bare.find_first_not_of(" \t\r\n") != std::string::npos;
      } else if constexpr (detail::is_ref<Bare>) {
        return static_cast<bool>(bare.id);
      } else {
        return true;
      }
    };
    if constexpr (detail::is_optional<Type>) {
      there = there && present(*value);
    } else {
      there = present(value);
    }
    if (!there) error(std::string(name_of<Member>()), "required", "is required");
  }

  template <auto Member, class Check>
  Changeset& inspect(const Check& check) {
    if (failed<Member>()) return *this;
    std::optional<std::pair<std::string, std::string>> found;
    if constexpr (detail::is_optional<member_type<Member>>) {
      if (row().*Member) found = check(*(row().*Member));
    } else {
      found = check(row().*Member);
    }
    if (found) error(std::string(name_of<Member>()), std::move(found->first), std::move(found->second));
    return *this;
  }

  detail::Remembered<T> remembered_;
  std::vector<FieldError> errors_;
};

/// Stores the changes: a new row is inserted, of a stored one what changed is updated. Throws ValidationError
/// with the errors of the changeset, or of the database by field: "unique" for a value that is taken,
/// "reference" for a row that is not there, "check" and "required". False when nothing had changed. In a
/// savepoint of its own, so that a transaction around it goes on.
template <class T, detail::ScopeKind kind>
bool apply(const detail::BasicScope<kind>& scope, Changeset<T>& changes) {
  changes.require_valid();
  bool written = true;
  T kept = changes.remembered().kept();
  try {
    scope.transaction([&] {
      if (changes.is_new()) {
        scope.insert(changes.row());
      } else {
        written = scope.update(changes.row(), *changes.before());
      }
    });
  } catch (const db::ConstraintError& error) {
    changes.remembered().take_back(kept);
    std::vector<FieldError> errors;
    if (!detail::explain_constraint(scope.data(), detail::model_info<T>(), error, &changes.row(), "", errors))
      throw;
    throw ValidationError(std::move(errors));
  } catch (...) {
    changes.remembered().take_back(kept);
    throw;
  }
  if (written) changes.remembered().written(scope.db(), std::move(kept));
  return written;
}

/// The same for many: all or none, paths with the number of the changeset: "[3].title". All that is wrong
/// with any of them by itself is told together; of what the database refuses, the first.
template <class T, detail::ScopeKind kind>
void apply(const detail::BasicScope<kind>& scope, std::vector<Changeset<T>>& list) {
  std::vector<FieldError> errors;
  std::vector<T> rows;
  std::vector<std::size_t> numbers;
  std::vector<std::pair<std::size_t, T>> updated;
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (FieldError error : list[i].errors()) {
      const std::string path = "[" + std::to_string(i) + "]";
      error.path = error.path.empty() ? path : path + "." + error.path;
      errors.push_back(std::move(error));
    }
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_new()) continue;
    rows.push_back(list[i].row());
    numbers.push_back(i);
  }
  // What is written one by one tells by itself which row is at fault.
  const auto one_by_one = [&](bool new_too) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].is_new() && !new_too) continue;
      T row = list[i].row();
      const std::string prefix = "[" + std::to_string(i) + "].";
      try {
        bool written = true;
        scope.transaction([&] {
          if (list[i].is_new()) {
            scope.insert(row);
          } else {
            written = scope.update(row, *list[i].before());
          }
        });
        if (written && !list[i].is_new()) updated.emplace_back(i, std::move(row));
      } catch (const db::ConstraintError& error) {
        if (!detail::explain_constraint(scope.data(), detail::model_info<T>(), error, &row, prefix, errors))
          throw;
        throw ValidationError(std::move(errors));
      } catch (const ValidationError& error) {
        detail::throw_under(error, prefix);
      }
    }
  };
  scope.transaction([&] {
    bool refused = false;
    try {
      if (!rows.empty()) scope.transaction([&] { scope.insert_many(rows); });
    } catch (const db::ConstraintError&) {
      refused = true;
    } catch (const ValidationError&) {
      refused = true;  // its numbers are those of the new rows alone
    }
    one_by_one(refused);
    if (refused) {
      throw Error(ErrorKind::conflict, "rows that were refused together were not refused one by one");
    }
  });
  // The list has only changed when all is written.
  const auto settle = [&](Changeset<T>& changes, T& row) {
    T kept = changes.remembered().kept();
    changes.row() = std::move(row);
    changes.remembered().written(scope.db(), std::move(kept));
  };
  for (std::size_t i = 0; i < numbers.size(); ++i) settle(list[numbers[i]], rows[i]);
  for (auto& [number, row] : updated) settle(list[number], row);
}

}  // namespace mpf::orm
