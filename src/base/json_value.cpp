#include <mpf/base/json_value.hpp>

#include <mpf/base/id.hpp>
#include <mpf/base/json_dom.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf {

Json Json::parse(std::string_view text, const JsonLimits& limits) { return from_json<Json>(text, limits); }

bool JsonCodec<Json>::read(JsonReader& reader, Json& json) {
  json.text_.clear();
  reader.read_raw(json.text_);
  return true;
}

nlohmann::json to_dom(const Json& json) { return nlohmann::json::parse(json.text()); }

Json from_dom(const nlohmann::json& dom) {
  return Json::parse(dom.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void JsonCodec<Id>::write(JsonWriter& writer, const Id& id) { writer.value(id.value); }

bool JsonCodec<Id>::read(JsonReader& reader, Id& id) {
  constexpr std::int64_t largest = (std::int64_t{1} << 53) - 1;  // what every JSON reader keeps exactly
  return reader.read_integer(id.value, 0, largest);
}

void JsonCodec<Timestamp>::write(JsonWriter& writer, const Timestamp& time) {
  writer.value(time.to_string());
}

bool JsonCodec<Timestamp>::read(JsonReader& reader, Timestamp& time) {
  if (reader.peek() != JsonReader::Kind::string) return reader.wrong_type("a time");
  std::string text;
  reader.read_string(text);
  const auto parsed = Timestamp::parse(text);
  if (!parsed) return reader.error("format", "expected a time such as 2026-11-21T09:00:00Z");
  time = *parsed;
  return true;
}

}  // namespace mpf
