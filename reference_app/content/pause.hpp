#pragma once

#include <cstddef>

#include <mpf/fiber/fiber.hpp>

namespace portal::content {

/// A large source has thousands of files: other fibers of the loop get their turn in between. `count` is of
/// what has been looked at so far.
inline void pause_after_some(std::size_t& count) {
  constexpr std::size_t at_once = 100;
  if (++count % at_once == 0) mpf::fiber::yield();
}

}  // namespace portal::content
