#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <mpf/base/id.hpp>
#include <mpf/fiber/local.hpp>

/// Lines for the log:
///
///     log::info("imported {} pages into {}", count, site);
///
/// They go to the logger in use (logger.hpp: telemetry::use) by the current fiber, else to standard error,
/// and carry the fields of the scopes around. Any thread; never throws, never suspends the fiber.
namespace mpf::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, off };

/// Whether a line of this level would be written: guards what is expensive to say.
bool enabled(Level level) noexcept;

/// One line, as it is.
void write(Level level, std::string_view message) noexcept;

struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

/// The fields that a line written now would carry, outermost first; of fields with the same name the
/// innermost.
std::vector<Field> current_fields();

namespace detail {

void format(Level level, fmt::string_view format, fmt::format_args arguments) noexcept;

/// A field and those around it. Fibers spawned inside share the chain.
struct FieldNode {
  Field field;
  std::shared_ptr<FieldNode> outer;
};
inline constexpr fiber::Local<FieldNode> fields{};

}  // namespace detail

template <class... A>
void trace(fmt::format_string<A...> format, A&&... arguments) noexcept {
  if (enabled(Level::trace)) detail::format(Level::trace, format, fmt::make_format_args(arguments...));
}
template <class... A>
void debug(fmt::format_string<A...> format, A&&... arguments) noexcept {
  if (enabled(Level::debug)) detail::format(Level::debug, format, fmt::make_format_args(arguments...));
}
template <class... A>
void info(fmt::format_string<A...> format, A&&... arguments) noexcept {
  if (enabled(Level::info)) detail::format(Level::info, format, fmt::make_format_args(arguments...));
}
template <class... A>
void warning(fmt::format_string<A...> format, A&&... arguments) noexcept {
  if (enabled(Level::warning)) detail::format(Level::warning, format, fmt::make_format_args(arguments...));
}
template <class... A>
void error(fmt::format_string<A...> format, A&&... arguments) noexcept {
  if (enabled(Level::error)) detail::format(Level::error, format, fmt::make_format_args(arguments...));
}

/// For its lifetime, lines of this fiber, and of fibers that it spawns, carry the field:
///
///     log::FieldScope scope("request", request.id);
class FieldScope {
 public:
  FieldScope(std::string name, std::string value);
  FieldScope(std::string name, Id id) : FieldScope(std::move(name), id.to_string()) {}
  template <std::integral T>
  FieldScope(std::string name, T number) : FieldScope(std::move(name), std::to_string(number)) {}

 private:
  fiber::Local<detail::FieldNode>::Scope scope_;
};

}  // namespace mpf::log
