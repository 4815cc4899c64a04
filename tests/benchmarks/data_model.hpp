#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/timestamp.hpp>
#include <mpf/orm/full_text.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/orm/relation.hpp>

/// What the data benchmark stores. The subjects that are not MPF read into the same structs.
namespace mpf::bench {

struct Item {
  orm::Id id;
  std::string title;
  std::string body;
  double score = 0;
  std::int64_t quantity = 0;
  bool active = false;
  Timestamp created_at;
  std::optional<std::string> note;

  template <class T>
  static constexpr auto described(std::string_view table) {
    return orm::model<T>(table, orm::field<&T::title>(orm::max_length(200)), orm::field<&T::body>(),
                         orm::field<&T::score>(), orm::field<&T::quantity>(), orm::field<&T::active>(),
                         orm::field<&T::created_at>(), orm::field<&T::note>());
  }
  static constexpr auto model() { return described<Item>("bench_item"); }
};

/// The same in tables that are written.
struct NewItem : Item {
  static constexpr auto model() { return described<NewItem>("bench_new_item"); }
};
struct ChangedItem : Item {
  static constexpr auto model() { return described<ChangedItem>("bench_changed_item"); }
};

/// The same to be searched, by an index; and for somebody who knows nothing of that.
struct SearchedItem : Item {
  static constexpr auto model() {
    return orm::model<SearchedItem>(
        "bench_searched_item", orm::field<&SearchedItem::title>(orm::max_length(200)),
        orm::field<&SearchedItem::body>(), orm::field<&SearchedItem::score>(),
        orm::field<&SearchedItem::quantity>(), orm::field<&SearchedItem::active>(),
        orm::field<&SearchedItem::created_at>(), orm::field<&SearchedItem::note>(),
        orm::search_index<&SearchedItem::title, &SearchedItem::body>());
  }
};
struct ScannedItem : Item {
  static constexpr auto model() { return described<ScannedItem>("bench_searched_item"); }
};

struct Book;

struct Author {
  orm::Id id;
  std::string name;
  orm::Many<Book> books;

  static constexpr auto model() {
    return orm::model<Author>("bench_author", orm::field<&Author::name>(orm::max_length(200)),
                              orm::many<&Author::books>());
  }
};

struct Book {
  orm::Id id;
  orm::Ref<Author> author;
  std::string title;
  std::int32_t pages = 0;

  static constexpr auto model() {
    return orm::model<Book>("bench_book", orm::field<&Book::author>(),
                            orm::field<&Book::title>(orm::max_length(200)), orm::field<&Book::pages>());
  }
};

/// django/data.py makes the same rows.
inline constexpr std::size_t read_rows = 10'000;
inline constexpr std::size_t inserted_rows = 100'000;
inline constexpr std::size_t single_rows = 1'000;  ///< gets and updates in one measurement
inline constexpr std::size_t scans = 10;           ///< searches without an index
inline constexpr std::size_t authors = 1'000;
inline constexpr std::size_t books_each = 10;

template <class T>
T make_item(std::size_t number) {
  const std::string text = std::to_string(number);
  T item;
  item.title = "Item number " + text;
  item.body = "What item " + text + " is about, in one or two sentences that nobody has to read to the end.";
  item.score = static_cast<double>(number) * 0.5;
  item.quantity = static_cast<std::int64_t>(number * 7 % 1000);
  item.active = number % 2 == 1;
  item.created_at =
      Timestamp(Microseconds(1'767'225'600'000'000 + static_cast<std::int64_t>(number) * 60'000'000));
  if (number % 3 != 0) item.note = "Note " + text;
  return item;
}

template <class T>
std::vector<T> make_items(std::size_t count) {
  std::vector<T> items;
  items.reserve(count);
  for (std::size_t i = 1; i <= count; ++i) items.push_back(make_item<T>(i));
  return items;
}

/// Ids of rows that exist, in an order without a pattern.
inline std::int64_t some_id(std::size_t number) {
  return static_cast<std::int64_t>(number * 7919 % read_rows) + 1;
}

/// A search that finds some ten items, which FTS5 understands as we do.
inline std::string some_words(std::size_t number) {
  return "sentences " + std::to_string(some_id(number) % 900 + 100) + "*";
}

/// Of what was read, so that nobody can leave out any of it.
inline std::uint64_t check_sum(const Item& item) {
  return static_cast<std::uint64_t>(item.id.value) + item.title.size() + item.body.size() +
         static_cast<std::uint64_t>(item.score) + static_cast<std::uint64_t>(item.quantity) +
         (item.active ? 1U : 0U) + static_cast<std::uint64_t>(item.created_at.micros() / 1'000'000) +
         (item.note ? item.note->size() : 0U);
}

}  // namespace mpf::bench
