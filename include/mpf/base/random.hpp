#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace mpf {

/// Fills with the operating system's cryptographic randomness. Thread-safe.
void random_bytes(std::span<std::byte> out);

/// Unguessable text for URLs and cookies: base64url of that many random bytes (32 give 43 characters).
std::string random_token(std::size_t bytes = 32);

}  // namespace mpf
