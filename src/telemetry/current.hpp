#pragma once

#include <mpf/telemetry/logger.hpp>

namespace mpf::telemetry {

/// The logger in use, without counting a reference: valid as long as the scope that set it.
Logger& in_use() noexcept;

/// "INFO"
std::string_view upper_name(log::Level level) noexcept;

}  // namespace mpf::telemetry
