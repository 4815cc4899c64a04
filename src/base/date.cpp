#include <mpf/base/date.hpp>

#include <cstdio>

namespace mpf {

std::optional<Date> Date::parse(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int numbers[3] = {0, 0, 0};
  std::size_t part = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7) {
      ++part;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    numbers[part] = numbers[part] * 10 + (text[i] - '0');
  }
  return of({std::chrono::year(numbers[0]), std::chrono::month(unsigned(numbers[1])),
             std::chrono::day(unsigned(numbers[2]))});
}

std::string Date::to_string() const {
  const auto date = ymd();
  char buffer[32];
  const int size = std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u", int(date.year()),
                                 unsigned(date.month()), unsigned(date.day()));
  return {buffer, static_cast<std::size_t>(size)};
}

void JsonCodec<Date>::write(JsonWriter& writer, const Date& date) { writer.value(date.to_string()); }

bool JsonCodec<Date>::read(JsonReader& reader, Date& date) {
  std::string text;
  if (!reader.read_string(text)) return false;
  const auto parsed = Date::parse(text);
  if (!parsed) return reader.error("format", "expected a date like 2026-11-21");
  date = *parsed;
  return true;
}

}  // namespace mpf
