#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpf::migrate {

/// The first word of the first statement that would begin or end a transaction (COMMIT, VACUUM…), if there is
/// one; text in quotes and comments does not count.
std::optional<std::string> transaction_control(std::string_view sql);

/// The words of each statement: keywords and plain names in capitals, names in double quotes as they are.
/// Parentheses, commas, points and "=" are words of their own; texts, comments and other signs are left out.
std::vector<std::vector<std::string>> statements_of(std::string_view sql);

}  // namespace mpf::migrate
