#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <mpf/orm/model.hpp>

namespace mpf::test {

enum class Colour { red, green, blue };

struct Address {
  std::string street;
  std::optional<int> number;
  std::vector<std::string> lines;
  bool operator==(const Address&) const = default;
  static constexpr auto describe() {
    return mpf::describe(mpf::field<&Address::street>(), mpf::field<&Address::number>(),
                         mpf::field<&Address::lines>());
  }
};

/// One field of every type that columns hold.
struct Everything {
  orm::Id id;
  bool flag = false;
  std::int8_t tiny = 0;
  std::int16_t small = 0;
  std::uint16_t small_unsigned = 0;
  int number = 0;
  std::uint32_t number_unsigned = 0;
  std::int64_t big = 0;
  float single = 0;
  double precise = 0;
  Decimal<2> price;
  Decimal<18> fraction;
  std::string text;
  Colour colour = Colour::red;
  db::Bytes bytes;
  Timestamp time;
  Date date;
  Microseconds duration{0};
  Uuid uuid;
  Json json;
  Address address;
  std::vector<Address> addresses;
  IpNetwork network;
  std::vector<bool> flags;
  std::vector<int> numbers;
  std::vector<std::int64_t> bigs;
  std::vector<double> reals;
  std::vector<std::string> texts;
  std::vector<Colour> colours;
  std::vector<Uuid> uuids;
  std::vector<Timestamp> times;
  std::vector<Date> dates;
  Range<std::int64_t> number_range;
  Range<Date> date_range;
  Range<Timestamp> time_range;
  std::optional<std::int16_t> maybe_small;
  std::optional<Decimal<4>> maybe_price;
  std::optional<Date> maybe_date;
  std::optional<Microseconds> maybe_duration;
  std::optional<Uuid> maybe_uuid;
  std::optional<Address> maybe_address;
  std::optional<IpNetwork> maybe_network;
  std::optional<std::vector<std::string>> maybe_texts;
  std::optional<Range<Timestamp>> maybe_range;

  bool operator==(const Everything&) const = default;

  static constexpr auto model() {
    using E = Everything;
    return orm::model<E>(
        "everything", orm::field<&E::flag>(), orm::field<&E::tiny>(), orm::field<&E::small>(),
        orm::field<&E::small_unsigned>(), orm::field<&E::number>(), orm::field<&E::number_unsigned>(),
        orm::field<&E::big>(), orm::field<&E::single>(), orm::field<&E::precise>(), orm::field<&E::price>(),
        orm::field<&E::fraction>(), orm::field<&E::text>(), orm::field<&E::colour>(), orm::field<&E::bytes>(),
        orm::field<&E::time>(), orm::field<&E::date>(), orm::field<&E::duration>(), orm::field<&E::uuid>(),
        orm::field<&E::json>(), orm::field<&E::address>(), orm::field<&E::addresses>(),
        orm::field<&E::network>(), orm::field<&E::flags>(), orm::field<&E::numbers>(), orm::field<&E::bigs>(),
        orm::field<&E::reals>(), orm::field<&E::texts>(), orm::field<&E::colours>(), orm::field<&E::uuids>(),
        orm::field<&E::times>(), orm::field<&E::dates>(), orm::field<&E::number_range>(),
        orm::field<&E::date_range>(), orm::field<&E::time_range>(), orm::field<&E::maybe_small>(),
        orm::field<&E::maybe_price>(), orm::field<&E::maybe_date>(), orm::field<&E::maybe_duration>(),
        orm::field<&E::maybe_uuid>(), orm::field<&E::maybe_address>(), orm::field<&E::maybe_network>(),
        orm::field<&E::maybe_texts>(), orm::field<&E::maybe_range>());
  }
};

class Random {
 public:
  std::int64_t whole(std::int64_t min, std::int64_t max) {
    // The ends come often: they are where things break.
    if (below(8) == 0) return min;
    if (below(8) == 0) return max;
    return std::uniform_int_distribution<std::int64_t>(min, max)(engine_);
  }
  template <class T>
  T number() {
    return static_cast<T>(whole(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool coin() { return below(2) == 0; }
  std::string text() {
    static const std::string pieces[] = {"",  "a",    "'", "\"", "\\", "{", "}",
                                         ",", "NULL", "é", "😀", "\n", "ש"};
    std::string made;
    for (std::size_t i = below(6); i > 0; --i) made += pieces[below(std::size(pieces))];
    return made;
  }
  double real() {
    return coin() ? std::ldexp(static_cast<double>(number<int>()), static_cast<int>(below(200)) - 100) : 0.1;
  }
  Timestamp time() {
    return Timestamp(Microseconds(whole(-62'135'596'800'000'000, 253'402'300'799'999'999)));
  }
  Date date() {
    return Date(
        std::chrono::sys_days(std::chrono::days(whole(Date::first().days() + 1, Date::last().days() - 1))));
  }
  Uuid uuid() { return coin() ? Uuid::v4() : Uuid(); }
  IpNetwork network() {
    std::byte bytes[16];
    for (auto& each : bytes) each = static_cast<std::byte>(below(3) == 0 ? below(256) : 0);
    const std::size_t size = coin() ? 4 : 16;
    return {std::span(bytes).first(size), static_cast<int>(below(size * 8 + 1))};
  }
  template <class Make>
  auto list(Make make) {
    std::vector<decltype(make())> made;
    for (std::size_t i = below(4); i > 0; --i) made.push_back(make());
    return made;
  }
  Address address() {
    Address made{text(), {}, list([&] { return text(); })};
    if (coin()) made.number = number<int>();
    return made;
  }
  template <class T, class Make>
  Range<T> range(Make make) {
    if (below(5) == 0) return {};
    std::optional<T> lower, upper;
    if (below(4) != 0) lower = make();
    if (below(4) != 0) upper = make();
    if (lower && upper && *upper < *lower) std::swap(lower, upper);
    return {lower, upper, coin(), coin()};
  }

  Everything row() {
    Everything row;
    row.flag = coin();
    row.tiny = number<std::int8_t>();
    row.small = number<std::int16_t>();
    row.small_unsigned = number<std::uint16_t>();
    row.number = number<int>();
    row.number_unsigned = number<std::uint32_t>();
    row.big = number<std::int64_t>();
    row.single = static_cast<float>(real());
    row.precise = real();
    row.price = Decimal<2>::of_coefficient(whole(-decimal::max_coefficient, decimal::max_coefficient));
    row.fraction = Decimal<18>::of_coefficient(whole(-decimal::max_coefficient, decimal::max_coefficient));
    row.text = text();
    row.colour = static_cast<Colour>(below(3));
    row.bytes.resize(below(5), std::byte{0xff});
    row.time = time();
    row.date = date();
    row.duration = Microseconds(whole(-1'000'000'000'000'000, 1'000'000'000'000'000));
    row.uuid = uuid();
    row.json = Json::of(list([&] { return text(); }));
    row.address = address();
    row.addresses = list([&] { return address(); });
    row.network = network();
    for (std::size_t i = below(4); i > 0; --i) row.flags.push_back(coin());
    row.numbers = list([&] { return number<int>(); });
    row.bigs = list([&] { return number<std::int64_t>(); });
    row.reals = list([&] { return real(); });
    row.texts = list([&] { return text(); });
    row.colours = list([&] { return static_cast<Colour>(below(3)); });
    row.uuids = list([&] { return uuid(); });
    row.times = list([&] { return time(); });
    row.dates = list([&] { return date(); });
    const auto bound = [&] { return whole(-5, 5); };
    row.number_range = range<std::int64_t>(bound);
    row.date_range = range<Date>([&] { return Date() + std::chrono::days(bound()); });
    row.time_range = range<Timestamp>([&] { return Timestamp(Microseconds(bound())); });
    if (coin()) row.maybe_small = number<std::int16_t>();
    if (coin()) row.maybe_price = Decimal<4>::of_coefficient(whole(-9, 9));
    if (coin()) row.maybe_date = date();
    if (coin()) row.maybe_duration = Microseconds(whole(-9, 9));
    if (coin()) row.maybe_uuid = uuid();
    if (coin()) row.maybe_address = address();
    if (coin()) row.maybe_network = network();
    if (coin()) row.maybe_texts = list([&] { return text(); });
    if (coin()) row.maybe_range = range<Timestamp>([&] { return time(); });
    return row;
  }

 private:
  std::mt19937_64 engine_{20261121};
};

}  // namespace mpf::test
