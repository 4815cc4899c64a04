#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "orm/models.hpp"
#include "orm/predicates.hpp"

namespace mpf::test {

/// Articles of one site, and conditions about them.
class RandomArticles : public Dice {
 public:
  using Row = Article;
  using Wanted = Predicate<Row>;

  RandomArticles(std::uint32_t seed, const World& world) : Dice(seed), world_(world) {}

  std::string text() {
    static const std::string pieces[] = {"a", "B", "b", "%", "_", "*", "é", "\\", "'", "[", ""};
    std::string made;
    for (std::size_t i = 0, n = below(4); i < n; ++i) made += pieces[below(std::size(pieces))];
    return made;
  }

  Row row() {
    Row made = world_.article(coin() ? world_.ann : other_, text());
    made.reads = static_cast<std::int64_t>(below(5)) - 2;
    if (coin()) made.rank = static_cast<int>(below(4));
    if (coin()) made.summary = text();
    if (coin()) made.editor = orm::Ref<User>(coin() ? world_.ann.id : other_.id);
    made.score = static_cast<double>(below(6)) / 4 - 0.5;
    made.pinned = coin();
    if (coin()) made.published_at = time();
    return made;
  }

  Wanted predicate(int depth) {
    return combined<Row>(*this, depth, [this] { return leaf(); });
  }

  void add_other(const User& other) { other_ = other; }
  const User& user(orm::Id id) const { return id == other_.id ? other_ : world_.ann; }

 private:
  Timestamp time() { return Timestamp(Microseconds(static_cast<std::int64_t>(below(4)) - 1)); }

  template <class Field, class Value, class ValueOf>
  Wanted compared(const Field& field, const Value& value, const ValueOf& value_of) {
    return test::compared<Row>(*this, field, value, value_of);
  }

  template <class Field, class ValueOf>
  Wanted matched(const Field& field, ValueOf value_of) {
    const std::string part = text();
    const auto when = [value_of, part](auto test) {
      return [value_of, part, test](const Row& row) {
        const auto held = value_of(row);
        return held.has_value() && test(*held, part);
      };
    };
    const auto lower = [](std::string text) {
      for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      return text;
    };
    switch (below(4)) {
      case 0:
        return {field.contains(part),
                when([](const auto& a, const auto& b) { return a.find(b) != std::string::npos; })};
      case 1:
        return {field.starts_with(part), when([](const auto& a, const auto& b) { return a.starts_with(b); })};
      case 2:
        return {field.ends_with(part), when([](const auto& a, const auto& b) { return a.ends_with(b); })};
      default:
        return {field.icontains(part), when([lower](const auto& a, const auto& b) {
                  return lower(a).find(lower(b)) != std::string::npos;
                })};
    }
  }

  Wanted leaf() {
    const auto title = [](const Row& row) { return std::optional<std::string>(row.title); };
    const auto summary = [](const Row& row) { return row.summary; };
    const auto reads = [](const Row& row) { return std::optional<std::int64_t>(row.reads); };
    const auto rank = [](const Row& row) { return row.rank; };
    const auto editor = [this](const Row& row) {
      return row.editor ? std::optional<std::string>(user(row.editor->id).name) : std::nullopt;
    };
    switch (below(16)) {
      case 0:
        return compared(orm::f<&Row::title>, text(), title);
      case 1:
        return compared(orm::f<&Row::summary>, text(), summary);
      case 2:
        return compared(orm::f<&Row::reads>, std::int64_t{1}, reads);
      case 3:
        return compared(orm::f<&Row::rank>, static_cast<int>(below(4)), rank);
      case 4:
        return compared(orm::f<&Row::score>, static_cast<double>(below(6)) / 4 - 0.5,
                        [](const Row& row) { return std::optional<double>(row.score); });
      case 5:
        return compared(orm::f<&Row::published_at>, time(), [](const Row& row) { return row.published_at; });
      case 6:
        return compared(
            orm::f<&Row::author, &User::name>, user(coin() ? world_.ann.id : other_.id).name,
            [this](const Row& row) { return std::optional<std::string>(user(row.author.id).name); });
      case 7:
        return compared(orm::f<&Row::editor, &User::name>, std::string("Ann"), editor);
      case 8:
        return matched(orm::f<&Row::title>, title);
      case 9:
        return matched(orm::f<&Row::summary>, summary);
      case 10:
        return matched(orm::f<&Row::editor, &User::name>, editor);
      case 11: {
        std::vector<int> list;
        for (std::size_t i = 0, n = below(4); i < n; ++i) list.push_back(static_cast<int>(below(4)));
        return {orm::f<&Row::rank>.in(list), [list](const Row& row) {
                  return row.rank && std::ranges::find(list, *row.rank) != list.end();
                }};
      }
      case 12:
        if (coin()) return {orm::f<&Row::rank>.is_null(), [](const Row& row) { return !row.rank; }};
        return {orm::f<&Row::editor, &User::name>.not_null(),
                [](const Row& row) { return row.editor.has_value(); }};
      case 13: {
        const bool wanted = coin();
        return {orm::f<&Row::pinned> == wanted, [wanted](const Row& row) { return row.pinned == wanted; }};
      }
      case 14:
        if (coin()) {
          return {orm::f<&Row::reads> + 1 > orm::f<&Row::rank>,
                  [](const Row& row) { return row.rank && row.reads + 1 > *row.rank; }};
        }
        return {orm::f<&Row::reads> != orm::f<&Row::rank>,
                [](const Row& row) { return !row.rank || row.reads != *row.rank; }};
      default:
        if (coin()) {
          return {orm::f<&Row::editor> == orm::f<&Row::author>,
                  [](const Row& row) { return row.editor && row.editor->id == row.author.id; }};
        }
        return {orm::f<&Row::summary> == orm::f<&Row::summary>, [](const Row&) { return true; }};
    }
  }

  const World& world_;
  User other_;
};

}  // namespace mpf::test
