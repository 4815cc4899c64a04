#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/detail/core.hpp>

namespace mpf::orm::detail {

/// A statement being written: text, with the values bound to its numbered placeholders. Parts may be written
/// in another order than they stand in.
class Sql {
 public:
  explicit Sql(db::Dialect dialect) : dialect_(dialect) { text_.reserve(512); }

  /// Of a verb of that scope.
  explicit Sql(const ScopeData& scope) : Sql(scope.db->dialect()) { origin_ = scope.origin; }

  db::Dialect dialect() const noexcept { return dialect_; }
  bool sqlite() const noexcept { return dialect_ == db::Dialect::sqlite; }

  Sql& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }

  /// A placeholder.
  Sql& bind(db::Param value) {
    std::size_t number = params_.size();
    if (reuse_) number = static_cast<std::size_t>(std::ranges::find(params_, value) - params_.begin());
    if (number == params_.size()) params_.push_back(std::move(value));
    text_ += sqlite() ? '?' : '$';
    text_ += std::to_string(number + 1);
    return *this;
  }

  /// From here on equal values share a placeholder, so that equal expressions have equal texts: what GROUP BY
  /// and DISTINCT go by.
  void reuse_placeholders() noexcept { reuse_ = true; }

  /// Names come from models, never from input; quoted all the same.
  Sql& name(std::string_view identifier) {
    text_ += '"';
    text_ += identifier;
    text_ += '"';
    return *this;
  }

  struct Alias {
    std::size_t number;
  };
  /// t3."title"
  Sql& column(Alias table, std::string_view name_of_column) {
    alias(table);
    text_ += '.';
    return name(name_of_column);
  }
  Sql& alias(Alias table) {
    text_ += 't';
    text_ += std::to_string(table.number);
    return *this;
  }
  /// One that nothing else in the statement has.
  Alias new_alias() noexcept { return {aliases_++}; }

  /// What `write` writes, for later.
  template <class Write>
  std::string capture(const Write& write) {
    std::string before = std::exchange(text_, {});
    write();
    return std::exchange(text_, std::move(before));
  }

  /// " IN <these>", as one value: the statement's text stays the same for any number of them.
  Sql& is_one_of(std::span<const std::int64_t> ids) {
    std::string list;
    list.reserve(ids.size() * 8 + 2);
    list += sqlite() ? '[' : '{';
    for (const std::int64_t id : ids) {
      if (list.size() > 1) list += ',';
      list += std::to_string(id);
    }
    list += sqlite() ? ']' : '}';
    text_ += sqlite() ? " IN (SELECT value FROM json_each(" : " = ANY (CAST(";
    bind(std::move(list));
    text_ += sqlite() ? "))" : " AS bigint[]))";
    return *this;
  }

  std::size_t size() const noexcept { return text_.size(); }
  const std::string& text() const noexcept { return text_; }

  db::Statement take(db::Access access) && {
    if (sqlite() && !reuse_) unnumber();
    db::Statement statement;
    statement.sql = std::move(text_);
    statement.params = std::move(params_);
    statement.access = access;
    if (origin_.line() != 0) statement.origin = origin_;
    return statement;
  }

 private:
  /// Placeholders in the order of the text: SQLite keeps numbered ones in a list that it searches for each.
  void unnumber() {
    std::string text;
    text.reserve(text_.size());
    std::vector<db::Param> params;
    params.reserve(params_.size());
    for (std::size_t at = 0; at < text_.size(); ++at) {
      text += text_[at];
      if (text_[at] != '?') continue;
      std::size_t number = 0;
      while (at + 1 < text_.size() && text_[at + 1] >= '0' && text_[at + 1] <= '9') {
        number = number * 10 + static_cast<std::size_t>(text_[++at] - '0');
      }
      params.push_back(params_[number - 1]);
    }
    text_ = std::move(text);
    params_ = std::move(params);
  }

  db::Dialect dialect_;
  std::string text_;
  std::vector<db::Param> params_;
  std::size_t aliases_ = 0;
  bool reuse_ = false;
  std::source_location origin_ = {};
};

}  // namespace mpf::orm::detail
