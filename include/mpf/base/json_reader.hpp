#pragma once

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/error.hpp>

namespace mpf {

struct JsonLimits {
  std::size_t depth = 64;             ///< of nested arrays and objects
  std::size_t errors = 20;            ///< collected before the rest goes unmentioned
  bool unknown_fields_error = false;  ///< otherwise members that a struct doesn't have are skipped
};

namespace detail {
struct JsonStruct;
}

/// Reads JSON (RFC 8259, strictly: valid UTF-8, no repeated keys) value by value, straight from the text.
///
/// Malformed text throws a ValidationError (path "", code "syntax") at once. Values that are well-formed but
/// don't fit are recorded with their path, and skipped, so that all of them are told together: a read_…()
/// then returns false and leaves its argument alone, and finish() throws.
class JsonReader {
 public:
  /// The text must outlive the reader.
  explicit JsonReader(std::string_view text, JsonLimits limits = {});
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  enum class Kind { null, boolean, number, string, array, object };

  /// What the next value is.
  Kind peek();

  /// Takes a null if it is next; otherwise takes nothing and returns false.
  bool read_null();
  bool read_bool(bool& into);
  /// Whole numbers; "1.0" and "1e2" are such.
  bool read_integer(std::int64_t& into, std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                    std::int64_t max = std::numeric_limits<std::int64_t>::max());
  bool read_unsigned(std::uint64_t& into, std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  bool read_double(double& into);
  bool read_float(float& into);
  bool read_string(std::string& into);
  /// Any value, as compact text.
  void read_raw(std::string& into);
  void skip();

  /// Arrays: if (begin_array()) while (next_item()) read one value.
  bool begin_array();
  bool next_item();
  /// Objects: if (begin_object()) while (next_key(key)) read one value. Keys live as long as the reader.
  bool begin_object();
  bool next_key(std::string_view& key);

  /// Records an error at the value being read; returns false. `code` is stable: "range", "enum", …
  bool error(std::string code, std::string message);
  /// "expected <wanted>, got a number" about the next value, which is skipped; returns false.
  bool wrong_type(std::string_view wanted);

  /// After the value: throws a ValidationError if anything was recorded or text is left over.
  void finish();

  // For the generated readers of structs and containers.
  bool read_struct(void* object, const detail::JsonStruct& description);
  bool read_enum(std::size_t& index, std::span<const std::string_view> names);
  /// While one exists, structs are read into new objects, where members that are required must be given.
  class Fresh {
   public:
    explicit Fresh(JsonReader& reader) noexcept : reader_(reader) { ++reader_.fresh_; }
    ~Fresh() { --reader_.fresh_; }
    Fresh(const Fresh&) = delete;
    Fresh& operator=(const Fresh&) = delete;

   private:
    JsonReader& reader_;
  };

 private:
  struct Frame {
    bool array = false;
    bool started = false;
    std::size_t index = 0;      ///< of the item being read
    std::string_view key{};     ///< of the member being read
    std::size_t first_key = 0;  ///< where this object's keys begin in keys_
  };

  void push(bool array);
  void note_key(std::string_view key);
  void end_object();
  std::string path() const;

  // Tokens (json_scanner.cpp).
  void skip_space() noexcept;
  bool take(char c) noexcept;
  void expect_word(std::string_view word);
  std::string_view scan_number();
  /// The text between the quotes, unescaped: a view of the input, or of `scratch` if there were escapes.
  std::string_view scan_string(std::string& scratch);
  void append_escape(std::string& out);
  std::uint32_t scan_hex4();
  [[noreturn]] void malformed(std::string_view message) const;

  const char* begin_;
  const char* at_;
  const char* end_;
  JsonLimits limits_;
  std::vector<Frame> frames_;
  std::vector<std::string_view> keys_;        ///< of the objects being read, to find repeated ones
  std::forward_list<std::string> unescaped_;  ///< storage of keys that had escapes
  std::vector<FieldError> errors_;
  std::size_t fresh_ = 0;
};

}  // namespace mpf
