#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <mpf/base/error.hpp>

namespace mpf::test {

/// What it throws.
inline Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  throw std::logic_error("unreachable");
}

inline bool mentions(const Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

}  // namespace mpf::test
