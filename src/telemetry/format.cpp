#include <array>

#include <mpf/base/enum.hpp>
#include <mpf/base/json_writer.hpp>

#include "telemetry/current.hpp"

namespace mpf::telemetry {
namespace {

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

void append_message(std::string& out, std::string_view message) {
  for (const char c : message) {
    if (c == '\n') {
      out += "\n    ";
    } else if (is_control(c) && c != '\t') {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      (out += "\\x") += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_value(std::string& out, std::string_view value) {
  bool plain = !value.empty();
  for (const char c : value) plain = plain && !is_control(c) && c != ' ' && c != '"' && c != '=';
  if (plain) {
    out += value;
  } else {
    JsonWriter(out).value(value);
  }
}

std::string text_line(const LogRecord& record) {
  constexpr std::size_t level_width = 8;
  std::string line = record.time.to_string();
  if (line.size() == std::string_view("2026-11-21T09:00:00Z").size()) line.insert(19, ".000000");
  line += ' ';
  const std::string_view level = upper_name(record.level);
  line.append(level).append(level_width - level.size(), ' ');
  append_message(line, record.message);
  for (const log::Field& field : record.fields) {
    line.append(" ").append(field.name).append("=");
    append_value(line, field.value);
  }
  return line;
}

std::string json_line(const LogRecord& record) {
  std::string line;
  JsonWriter json(line);
  json.begin_object();
  json.key("time").value(record.time.to_string());
  json.key("level").value(enum_name(record.level));
  json.key("message").value(record.message);
  for (const log::Field& field : record.fields) json.key(field.name).value(field.value);
  json.end_object();
  return line;
}

}  // namespace

std::string_view upper_name(log::Level level) noexcept {
  constexpr std::array<std::string_view, 6> names{"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "OFF"};
  return names[static_cast<std::size_t>(level)];
}

std::string format_line(const LogRecord& record, LogFormat format) {
  return format == LogFormat::json ? json_line(record) : text_line(record);
}

}  // namespace mpf::telemetry
