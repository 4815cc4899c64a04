#pragma once

#include <cstdint>

namespace portal::content {

/// Who may see an item. Ordered from open to closed.
enum class Visibility : std::uint8_t { everyone, members, staff };

}  // namespace portal::content
