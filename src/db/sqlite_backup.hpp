#pragma once

#include <filesystem>

namespace mpf::db::sqlite {

/// Copies a database as of one moment; blocks. The copy appears under its name when it is whole.
void copy_database(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace mpf::db::sqlite
