#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <utility>

#include <mpf/orm/query.hpp>

namespace mpf::test {

/// What random tests throw.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool coin() { return below(2) == 0; }
  template <class List>
  const auto& any_of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937 random_;
};

/// A random condition, with what it means in plain C++.
template <class Row>
struct Predicate {
  orm::Condition<Row> condition;
  std::function<bool(const Row&)> check;
};

/// "and", "or" and "not" of what leaf() gives.
template <class Row, class Leaf>
Predicate<Row> combined(Dice& dice, int depth, const Leaf& leaf) {
  if (depth == 0 || dice.below(3) == 0) return leaf();
  if (dice.below(3) == 0) {
    Predicate<Row> inner = combined<Row>(dice, depth - 1, leaf);
    return {!inner.condition, [check = inner.check](const Row& row) { return !check(row); }};
  }
  Predicate<Row> left = combined<Row>(dice, depth - 1, leaf);
  Predicate<Row> right = combined<Row>(dice, depth - 1, leaf);
  if (dice.coin()) {
    return {left.condition && right.condition,
            [l = left.check, r = right.check](const Row& row) { return l(row) && r(row); }};
  }
  return {left.condition || right.condition,
          [l = left.check, r = right.check](const Row& row) { return l(row) || r(row); }};
}

/// A comparison of a field or an expression with a value; value_of(row) gives it as an optional.
template <class Row, class Field, class Value, class ValueOf>
Predicate<Row> compared(Dice& dice, const Field& field, const Value& value, const ValueOf& value_of) {
  const auto when = [value_of, value](auto test) {
    return [value_of, value, test](const Row& row) {
      const auto held = value_of(row);
      return held.has_value() && test(*held, value);
    };
  };
  switch (dice.below(6)) {
    case 0:
      return {field == value, when([](const auto& a, const auto& b) { return a == b; })};
    case 1:
      return {field != value, [value_of, value](const Row& row) { return value_of(row) != value; }};
    case 2:
      return {field < value, when([](const auto& a, const auto& b) { return a < b; })};
    case 3:
      return {field <= value, when([](const auto& a, const auto& b) { return a <= b; })};
    case 4:
      return {field > value, when([](const auto& a, const auto& b) { return a > b; })};
    default:
      return {field >= value, when([](const auto& a, const auto& b) { return a >= b; })};
  }
}

}  // namespace mpf::test
