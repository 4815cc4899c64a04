#include <mpf/base/secret.hpp>

#include <ostream>

#include <string.h>

#include <mpf/base/hash.hpp>
#include <mpf/base/json.hpp>

namespace mpf {

Secret::~Secret() {
  value_.resize(value_.capacity());  // bytes of a longer value before count as well
  ::explicit_bzero(value_.data(), value_.size());
}

bool Secret::equals(const Secret& other) const noexcept { return constant_time_equal(value_, other.value_); }

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

void JsonCodec<Secret>::write(JsonWriter& writer, const Secret&) { writer.value("***"); }

bool JsonCodec<Secret>::read(JsonReader& reader, Secret& secret) {
  std::string text;
  if (!reader.read_string(text)) return false;
  secret = Secret(std::move(text));
  return true;
}

}  // namespace mpf
