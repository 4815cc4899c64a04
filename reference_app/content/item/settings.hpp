#pragma once

#include <chrono>

#include <mpf/base/reflect.hpp>
#include <mpf/config/options.hpp>

namespace portal::content {

struct DeliverySettings {
  std::chrono::seconds grant_lifetime{3600};

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&DeliverySettings::grant_lifetime>(
        mpf::config::help("How long the address of an opened item is good")));
  }
};

}  // namespace portal::content
