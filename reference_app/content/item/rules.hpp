#pragma once

#include <cstdint>

#include "content/item/api.hpp"
#include "content/item/models.hpp"

namespace portal::content {

/// How an item appears to a viewer.
enum class Appearance : std::uint8_t {
  open,    ///< may be opened
  locked,  ///< shown by title and summary, opened after signing in
  hidden,  ///< does not exist, as far as the viewer can tell
};

constexpr Appearance appearance_of(Visibility visibility, Viewer viewer) noexcept {
  switch (visibility) {
    case Visibility::everyone:
      return Appearance::open;
    case Visibility::members:
      return viewer == Viewer::visitor ? Appearance::locked : Appearance::open;
    case Visibility::staff:
      return viewer == Viewer::staff ? Appearance::open : Appearance::hidden;
  }
  return Appearance::hidden;
}

constexpr bool may_open(Visibility visibility, Viewer viewer) noexcept {
  return appearance_of(visibility, viewer) == Appearance::open;
}

}  // namespace portal::content
