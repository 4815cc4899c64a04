#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mpf::migrate {

/// The first word of the first statement that would begin or end a transaction (COMMIT, VACUUM…), if there is
/// one; text in quotes and comments does not count.
std::optional<std::string> transaction_control(std::string_view sql);

}  // namespace mpf::migrate
