#pragma once

#include <string>
#include <string_view>

namespace mpf::storage {

/// Throws Error(invalid) for what storage.hpp says no name may be.
void check_name(std::string_view name);

/// True for what check_name() lets pass as one segment.
bool is_segment(std::string_view text) noexcept;

/// "pdf" of "PDF" or ".pdf"; empty for what does not become part of a name.
std::string clean_extension(std::string_view extension);

}  // namespace mpf::storage
