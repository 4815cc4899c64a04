#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>

namespace mpf::orm::detail {

/// A statement being written: text, with the values bound to its placeholders in order.
class Sql {
 public:
  explicit Sql(db::Dialect dialect) : dialect_(dialect) { text_.reserve(512); }

  db::Dialect dialect() const noexcept { return dialect_; }
  bool sqlite() const noexcept { return dialect_ == db::Dialect::sqlite; }

  Sql& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }

  /// A placeholder.
  Sql& bind(db::Param value) {
    params_.push_back(std::move(value));
    if (sqlite()) {
      text_ += '?';
    } else {
      text_ += '$';
      text_ += std::to_string(params_.size());
    }
    return *this;
  }

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

  std::size_t size() const noexcept { return text_.size(); }
  const std::string& text() const noexcept { return text_; }

  db::Statement take(db::Access access) && { return {std::move(text_), std::move(params_), access}; }

 private:
  db::Dialect dialect_;
  std::string text_;
  std::vector<db::Param> params_;
};

}  // namespace mpf::orm::detail
