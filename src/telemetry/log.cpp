#include <mpf/telemetry/log.hpp>

#include <algorithm>
#include <exception>
#include <iterator>

#include <mpf/telemetry/logger.hpp>

#include "telemetry/current.hpp"

namespace mpf::log {

bool enabled(Level level) noexcept { return telemetry::in_use().enabled(level); }

std::vector<Field> current_fields() {
  std::vector<Field> found;
  for (const detail::FieldNode* node = detail::fields.get(); node != nullptr; node = node->outer.get()) {
    if (std::ranges::find(found, node->field.name, &Field::name) == found.end()) found.push_back(node->field);
  }
  std::ranges::reverse(found);
  return found;
}

void write(Level level, std::string_view message) noexcept {
  telemetry::Logger& logger = telemetry::in_use();
  if (!logger.enabled(level)) return;
  try {
    const std::vector<Field> fields = current_fields();
    logger.write({Timestamp::now(), level, message, fields});
  } catch (const std::exception&) {  // no memory for the fields: the message alone
    logger.write({Timestamp::now(), level, message, {}});
  }
}

namespace detail {

void format(Level level, fmt::string_view format, fmt::format_args arguments) noexcept {
  try {
    write(level, fmt::vformat(format, arguments));
  } catch (const std::exception& error) {
    write(Level::error, "a log line could not be formatted:");
    write(Level::error, error.what());
    write(level, {format.data(), format.size()});
  }
}

}  // namespace detail

FieldScope::FieldScope(std::string name, std::string value)
    : scope_(detail::fields.set(std::make_shared<detail::FieldNode>(
          detail::FieldNode{{std::move(name), std::move(value)}, detail::fields.share()}))) {}

}  // namespace mpf::log
