#include "orm/csv_text.hpp"

#include <istream>
#include <streambuf>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::orm::csv {

namespace {
/// No value is larger; whoever forgets a closing quote hears of it before the memory is full.
constexpr std::size_t largest_field = std::size_t{1} << 30U;
}  // namespace

void append_field(std::string& line, std::string_view value) {
  if (!value.empty() && value.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"') line += c;
    line += c;
  }
  line += '"';
}

Reader::Reader(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {
  take();
  for (const int c : {0xef, 0xbb, 0xbf}) {  // the mark that some programs begin UTF-8 with
    if (next_ != c) break;
    take();
  }
}

void Reader::fail(std::uint64_t line, std::string_view what) const {
  throw Error(ErrorKind::invalid, fmt::format("{}:{}: {}", name_, line, what));
}

/// The character that comes; then it is the one behind.
int Reader::take() {
  using Traits = std::streambuf::traits_type;
  const int taken = next_;
  auto c = Traits::eof();
  try {
    c = in_.rdbuf()->sbumpc();
  } catch (const std::ios_base::failure& error) {
    throw Error(ErrorKind::unavailable, fmt::format("{} cannot be read: {}", name_, error.what()));
  }
  next_ = Traits::eq_int_type(c, Traits::eof()) ? -1 : static_cast<unsigned char>(Traits::to_char_type(c));
  if (next_ >= 0) ++bytes_;
  if (taken == '\n') ++line_;
  return taken;
}

/// Behind the opening quote; what ends the field.
int Reader::quoted(Field& field) {
  field.null = false;
  for (;;) {
    const int c = take();
    if (c < 0 || field.text.size() > largest_field)
      fail(field.line, "the quote that opens here is not closed");
    if (c == '"' && next_ != '"') break;
    if (c == '"') take();
    field.text += static_cast<char>(c);
  }
  if (next_ == '\r') take();
  if (next_ != ',' && next_ != '\n' && next_ >= 0) {
    fail(line_, "text behind a closing quote: quotes inside of a value are doubled");
  }
  return take();
}

int Reader::unquoted(Field& field, int first) {
  int c = first;
  for (; c != ',' && c != '\n' && c >= 0; c = take()) {
    if (c == '"') fail(line_, "a quote inside of a value that has none around it");
    if (field.text.size() > largest_field) fail(field.line, "the value that begins here is too long");
    field.text += static_cast<char>(c);
  }
  if (c != ',' && field.text.ends_with('\r')) field.text.pop_back();
  field.null = field.text.empty();
  return c;
}

bool Reader::next(std::vector<Field>& fields) {
  if (next_ < 0) return false;
  std::size_t count = 0;
  for (int end = ','; end == ',';) {
    if (count == fields.size()) fields.emplace_back();
    Field& field = fields[count++];
    field.text.clear();
    field.line = line_;
    const int first = take();
    end = first == '"' ? quoted(field) : unquoted(field, first);
  }
  fields.resize(count);
  return true;
}

}  // namespace mpf::orm::csv
