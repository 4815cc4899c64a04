#pragma once

#include <vector>

#include <mpf/app/module.hpp>

namespace mpf::app {

/// The modules, each after those it needs, otherwise as listed. Error(configuration) telling everything that
/// is wrong at once: names that are malformed or used twice, needs that nobody meets, circles.
std::vector<Module*> in_order(const Modules& modules);

/// "content" of "content.item": the service group.
std::string_view service_group(std::string_view module_name) noexcept;

}  // namespace mpf::app
