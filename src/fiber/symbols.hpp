#pragma once

#include <string>

namespace mpf::fiber {

/// "function (file+0xoffset)" for an address of code, as far as it can be found out: also functions that only
/// the file's own symbol table names, which dladdr() does not read.
std::string describe_code(const void* address);

}  // namespace mpf::fiber
