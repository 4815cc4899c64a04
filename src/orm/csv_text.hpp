#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

/// CSV as RFC 4180 has it, where an empty field and a quoted empty one are two things.
namespace mpf::orm::csv {

void append_field(std::string& line, std::string_view value);

struct Field {
  std::string text;
  bool null = true;        ///< nothing, not even quotes
  std::uint64_t line = 1;  ///< where it begins
};

/// Reads row by row. Lines end with LF or CRLF; those inside of quotes are part of the value.
class Reader {
 public:
  /// `name` is what messages call the stream.
  Reader(std::istream& in, std::string name);

  /// The next row; false at the end. Error(invalid), "<name>:<line>: …", for what is no CSV.
  bool next(std::vector<Field>& fields);

  std::uint64_t bytes() const noexcept { return bytes_; }
  /// Error(invalid) about a place in the stream.
  [[noreturn]] void fail(std::uint64_t line, std::string_view what) const;

 private:
  int take();
  int quoted(Field& field);
  int unquoted(Field& field, int first);

  std::istream& in_;
  const std::string name_;
  std::uint64_t line_ = 1;
  std::uint64_t bytes_ = 0;
  int next_ = 0;  ///< the character that comes, or -1
};

}  // namespace mpf::orm::csv
