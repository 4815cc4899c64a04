#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/base/json.hpp>

namespace mpf {

/// What happens to digits for which there is no place.
enum class Rounding : std::uint8_t {
  half_even,  ///< to the nearer; halves to the even neighbour
  half_up,    ///< to the nearer; halves away from zero
  down,       ///< towards zero
  exact       ///< they are an error
};

namespace decimal {

inline constexpr int max_scale = 18;
inline constexpr std::int64_t max_coefficient = 999'999'999'999'999'999;

/// All throw Error(invalid) for what takes more than 18 digits, or has digits that Rounding::exact refuses.
std::int64_t checked(std::int64_t coefficient);
[[noreturn]] void fail_overflow();
constexpr std::int64_t whole(std::int64_t number, int scale) {
  for (int i = 0; i < scale; ++i) {
    if (number > max_coefficient / 10 || number < -max_coefficient / 10) fail_overflow();
    number *= 10;
  }
  if (number > max_coefficient || number < -max_coefficient) fail_overflow();
  return number;
}
std::int64_t add(std::int64_t a, std::int64_t b);
std::int64_t multiply(std::int64_t a, std::int64_t b);
/// a * b * 10^-drop
std::int64_t multiply(std::int64_t a, std::int64_t b, int drop, Rounding rounding);
/// a * 10^raise / b, raise being -18 to 18; dividing by zero is an error too.
std::int64_t divide(std::int64_t a, std::int64_t b, int raise, Rounding rounding);
std::int64_t rescale(std::int64_t coefficient, int from, int to, Rounding rounding);

std::optional<std::int64_t> parse(std::string_view text, int scale) noexcept;
std::string to_string(std::int64_t coefficient, int scale);
void write(JsonWriter& writer, std::int64_t coefficient, int scale);
bool read(JsonReader& reader, std::int64_t& coefficient, int scale);

}  // namespace decimal

/// A number with `scale` digits behind the point and at most 18 in all: money, weights. Exact: whatever does
/// not fit throws Error(invalid), nothing is rounded unless asked for.
template <int scale>
class Decimal {
  static_assert(scale >= 0 && scale <= decimal::max_scale, "a Decimal has 0 to 18 digits behind the point");

 public:
  constexpr Decimal() = default;  ///< 0
  constexpr explicit Decimal(std::int64_t whole) : coefficient_(decimal::whole(whole, scale)) {}

  /// coefficient * 10^-scale
  static Decimal of_coefficient(std::int64_t coefficient) {
    Decimal made;
    made.coefficient_ = decimal::checked(coefficient);
    return made;
  }

  /// "-12.5": digits, then perhaps a point and at most `scale` digits; nothing for any other text.
  static std::optional<Decimal> parse(std::string_view text) noexcept {
    const auto coefficient = decimal::parse(text, scale);
    if (!coefficient) return std::nullopt;
    Decimal made;
    made.coefficient_ = *coefficient;
    return made;
  }

  /// With all its digits behind the point: "-12.50".
  std::string to_string() const { return decimal::to_string(coefficient_, scale); }

  constexpr std::int64_t coefficient() const noexcept { return coefficient_; }
  /// The nearest; for what need not be exact.
  double to_double() const noexcept {
    double power = 1;
    for (int i = 0; i < scale; ++i) power *= 10;
    return static_cast<double>(coefficient_) / power;
  }

  template <int to>
  Decimal<to> rescaled(Rounding rounding = Rounding::exact) const {
    return Decimal<to>::of_coefficient(decimal::rescale(coefficient_, scale, to, rounding));
  }
  template <int other>
  Decimal times(Decimal<other> factor, Rounding rounding) const {
    return of_coefficient(decimal::multiply(coefficient_, factor.coefficient(), other, rounding));
  }
  template <int other>
  Decimal divided_by(Decimal<other> divisor, Rounding rounding) const {
    return of_coefficient(decimal::divide(coefficient_, divisor.coefficient(), other, rounding));
  }
  Decimal divided_by(std::int64_t divisor, Rounding rounding) const {
    return of_coefficient(decimal::divide(coefficient_, divisor, 0, rounding));
  }

  friend Decimal operator+(Decimal a, Decimal b) {
    return of_coefficient(decimal::add(a.coefficient_, b.coefficient_));
  }
  friend Decimal operator-(Decimal a, Decimal b) { return a + -b; }
  friend Decimal operator*(Decimal a, std::int64_t b) {
    return of_coefficient(decimal::multiply(a.coefficient_, b));
  }
  friend Decimal operator*(std::int64_t a, Decimal b) { return b * a; }
  Decimal operator-() const noexcept {
    Decimal made;
    made.coefficient_ = -coefficient_;
    return made;
  }
  Decimal& operator+=(Decimal other) { return *this = *this + other; }
  Decimal& operator-=(Decimal other) { return *this = *this - other; }
  Decimal& operator*=(std::int64_t factor) { return *this = *this * factor; }

  constexpr auto operator<=>(const Decimal&) const = default;

 private:
  std::int64_t coefficient_ = 0;
};

/// Written as text ("12.50"), as programs that read JSON's numbers into floating point would change it; read
/// from text or a number.
template <int scale>
struct JsonCodec<Decimal<scale>> {
  static void write(JsonWriter& writer, const Decimal<scale>& number) {
    decimal::write(writer, number.coefficient(), scale);
  }
  static bool read(JsonReader& reader, Decimal<scale>& number) {
    std::int64_t coefficient = 0;
    if (!decimal::read(reader, coefficient, scale)) return false;
    number = Decimal<scale>::of_coefficient(coefficient);
    return true;
  }
};

}  // namespace mpf

template <int scale>
struct std::hash<mpf::Decimal<scale>> {
  std::size_t operator()(mpf::Decimal<scale> number) const noexcept {
    return std::hash<std::int64_t>{}(number.coefficient());
  }
};
