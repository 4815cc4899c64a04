#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/config/configuration.hpp>

namespace mpf::test {

enum class Mode { fast, safe };

struct Timeouts {
  std::chrono::milliseconds read{30'000};
  std::chrono::seconds idle{60};
  static constexpr auto describe() {
    return mpf::describe(field<&Timeouts::read>(config::min(std::chrono::milliseconds(1))),
                         field<&Timeouts::idle>());
  }
};

struct HttpSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;
  Mode mode = Mode::safe;
  std::vector<std::string> proxies;
  std::map<std::string, std::string> headers;
  Timeouts timeouts;
  static constexpr auto describe() {
    using namespace config;
    return mpf::describe(field<&HttpSettings::address>(help("where to listen")),
                         field<&HttpSettings::port>(config::min(1), config::max(60'000)),
                         field<&HttpSettings::mode>(), field<&HttpSettings::proxies>(),
                         field<&HttpSettings::headers>(), field<&HttpSettings::timeouts>());
  }
};

struct ItemSettings {
  int page_size = 20;
  Secret key;
  static constexpr auto describe() {
    using namespace config;
    return mpf::describe(field<&ItemSettings::page_size>(),
                         field<&ItemSettings::key>(required, help("signs links")));
  }
};

/// Profiles from texts, so that a test shows them.
inline config::ProfileSource source(std::map<std::string, std::string> files, std::string name = {}) {
  auto read = [files](std::string_view file) -> std::optional<std::string> {
    const auto found = files.find(std::string(file));
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  auto list = [files] {
    std::vector<std::string> names;
    for (const auto& [file, text] : files) names.push_back(file);
    return names;
  };
  return {std::move(name), std::move(read), std::move(list)};
}

}  // namespace mpf::test
