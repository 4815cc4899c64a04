#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mpf/orm/functions.hpp>

#include "orm/random_articles.hpp"

/// Random values computed from articles.
namespace mpf::test {

/// A value as the database computes it, and as C++ does; absent where it is.
template <class V>
struct Computed {
  orm::Expression<Article, V, true> expression;
  std::function<std::optional<V>(const Article&)> of;
};
using Number = Computed<std::int64_t>;
using Text = Computed<std::string>;

template <class V, class Expression, class Of>
Computed<V> computed(const Expression& expression, Of of) {
  return {orm::Expression<Article, V, true>(expression.node()), std::move(of)};
}

inline std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> all;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) {
      all.back() += c;
    } else {
      all.emplace_back(1, c);
    }
  }
  return all;
}

inline std::string upper_case(const std::string& text) {
  std::string made;
  for (const std::string& c : characters(text)) {
    const bool small = c.size() == 1 && c[0] >= 'a' && c[0] <= 'z';
    made += c == "é" ? "É" : small ? std::string(1, static_cast<char>(c[0] - 32)) : c;
  }
  return made;
}

inline std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

class RandomValues : public RandomArticles {
 public:
  using RandomArticles::RandomArticles;

  Number number(int depth) {
    if (depth == 0 || below(4) == 0) return plain_number();
    const Number a = number(depth - 1);
    const Number b = number(depth - 1);
    const auto both = [a, b](auto operation) {
      return [a, b, operation](const Article& row) -> std::optional<std::int64_t> {
        const auto left = a.of(row);
        const auto right = b.of(row);
        if (!left || !right) return std::nullopt;
        return operation(*left, *right);
      };
    };
    using Value = std::optional<std::int64_t>;
    switch (below(11)) {
      case 0:
        return computed<std::int64_t>(a.expression + b.expression,
                                      both([](auto x, auto y) -> Value { return x + y; }));
      case 1:
        return computed<std::int64_t>(a.expression - b.expression,
                                      both([](auto x, auto y) -> Value { return x - y; }));
      case 2:
        return computed<std::int64_t>(a.expression * 3 + b.expression,
                                      both([](auto x, auto y) -> Value { return x * 3 + y; }));
      case 3:
        return computed<std::int64_t>(a.expression / b.expression,
                                      both([](auto x, auto y) -> Value { return y == 0 ? Value() : x / y; }));
      case 4:
        return computed<std::int64_t>(a.expression % b.expression,
                                      both([](auto x, auto y) -> Value { return y == 0 ? Value() : x % y; }));
      case 5:
        return computed<std::int64_t>(orm::coalesce(a.expression, b.expression), [a, b](const Article& row) {
          const auto first = a.of(row);
          return first ? first : b.of(row);
        });
      case 6:
        return computed<std::int64_t>(orm::null_if(a.expression, b.expression), [a, b](const Article& row) {
          const auto value = a.of(row);
          return value && value == b.of(row) ? Value() : value;
        });
      case 7:
        return computed<std::int64_t>(orm::greatest(a.expression, b.expression), [a, b](const Article& row) {
          return std::max(a.of(row), b.of(row));  // what is absent is less than all
        });
      case 8:
        return computed<std::int64_t>(orm::absolute(a.expression), [a](const Article& row) -> Value {
          const auto value = a.of(row);
          return value ? Value(std::abs(*value)) : value;
        });
      case 9: {
        const Wanted first = predicate(2);
        const Wanted second = predicate(2);
        return computed<std::int64_t>(
            orm::case_when(first.condition, a.expression).when(second.condition, b.expression),
            [a, b, first, second](const Article& row) -> Value {
              if (first.check(row)) return a.of(row);
              return second.check(row) ? b.of(row) : std::nullopt;
            });
      }
      default: {
        const Text text = this->text_value(depth - 1);
        return computed<std::int64_t>(orm::length(text.expression), [text](const Article& row) -> Value {
          const auto value = text.of(row);
          if (!value) return std::nullopt;
          return static_cast<std::int64_t>(characters(*value).size());
        });
      }
    }
  }

  Text text_value(int depth) {
    if (depth == 0 || below(4) == 0) return plain_text();
    const Text a = text_value(depth - 1);
    using Value = std::optional<std::string>;
    const auto made = [a](auto change) {
      return [a, change](const Article& row) -> Value {
        const auto value = a.of(row);
        if (!value) return std::nullopt;
        return change(*value);
      };
    };
    switch (below(6)) {
      case 0:
        return computed<std::string>(orm::upper(a.expression), made(upper_case));
      case 1: {
        const Text b = text_value(depth - 1);
        return computed<std::string>(orm::concat(a.expression, "-", b.expression),
                                     [a, b](const Article& row) -> Value {
                                       const auto left = a.of(row);
                                       const auto right = b.of(row);
                                       if (!left || !right) return std::nullopt;
                                       return *left + "-" + *right;
                                     });
      }
      case 2: {
        const std::size_t from = below(4);
        const std::size_t count = below(3);
        return computed<std::string>(
            orm::substring(a.expression, from, count), made([from, count](const std::string& text) {
              const auto all = characters(text);
              std::string part;
              for (std::size_t i = from; i < std::min(all.size(), from + count); ++i) {
                part += all[i];
              }
              return part;
            }));
      }
      case 3:
        return computed<std::string>(orm::replace(a.expression, "b", "%a"),
                                     made([](const std::string& text) { return replaced(text, "b", "%a"); }));
      case 4: {
        const Wanted wanted = predicate(2);
        return computed<std::string>(orm::case_when(wanted.condition, a.expression).otherwise("none"),
                                     [a, wanted](const Article& row) -> Value {
                                       return wanted.check(row) ? a.of(row) : Value("none");
                                     });
      }
      default: {
        const Text b = text_value(depth - 1);
        return computed<std::string>(orm::coalesce(a.expression, b.expression), [a, b](const Article& row) {
          const auto first = a.of(row);
          return first ? first : b.of(row);
        });
      }
    }
  }

 private:
  Number plain_number() {
    using Value = std::optional<std::int64_t>;
    switch (below(3)) {
      case 0:
        return computed<std::int64_t>(orm::f<&Row::reads>,
                                      [](const Article& row) { return Value(row.reads); });
      case 1:
        return computed<std::int64_t>(
            orm::f<&Row::rank>, [](const Article& row) { return row.rank ? Value(*row.rank) : Value(); });
      default: {
        const auto plain = static_cast<std::int64_t>(below(5)) - 2;
        return computed<std::int64_t>(orm::value(plain), [plain](const Article&) { return Value(plain); });
      }
    }
  }

  Text plain_text() {
    using Value = std::optional<std::string>;
    switch (below(4)) {
      case 0:
        return computed<std::string>(orm::f<&Row::title>,
                                     [](const Article& row) { return Value(row.title); });
      case 1:
        return computed<std::string>(orm::f<&Row::summary>, [](const Article& row) { return row.summary; });
      case 2:
        return computed<std::string>(orm::f<&Row::editor, &User::name>, [this](const Article& row) {
          return row.editor ? Value(user(row.editor->id).name) : Value();
        });
      default: {
        const std::string plain = text();
        return computed<std::string>(orm::value(plain), [plain](const Article&) { return Value(plain); });
      }
    }
  }
};

}  // namespace mpf::test
