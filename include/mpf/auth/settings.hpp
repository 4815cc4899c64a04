#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <mpf/base/reflect.hpp>
#include <mpf/config/options.hpp>

namespace mpf::auth {

/// Section "auth" of the configuration.
struct Settings {
  std::int64_t password_min_length = 10;
  std::int64_t argon2_memory_kib = 64 * 1024;
  std::int64_t argon2_passes = 2;
  std::int64_t hash_concurrency = 2;
  std::int64_t hash_queue = 64;
  std::chrono::seconds session_idle = std::chrono::hours(24 * 14);
  std::chrono::seconds session_lifetime = std::chrono::hours(24 * 60);
  std::chrono::seconds touch_interval{60};
  std::string cookie_prefix = "mpf";
  bool secure_cookies = false;
  std::int64_t sign_in_failures = 5;
  std::int64_t address_failures = 50;
  std::int64_t address_sign_ups = 20;
  std::chrono::seconds failure_window{15 * 60};

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&Settings::password_min_length>(help("characters a password must have"), config::min(4),
                                              config::max(128)),
        field<&Settings::argon2_memory_kib>(help("memory for hashing one password, in KiB"), config::min(8),
                                            config::max(4 * 1024 * 1024)),
        field<&Settings::argon2_passes>(help("passes over that memory"), config::min(1), config::max(20)),
        field<&Settings::hash_concurrency>(help("passwords hashed at the same time"), config::min(1),
                                           config::max(256)),
        field<&Settings::hash_queue>(help("sign-ins that may wait for that, half of them on one site and a "
                                          "quarter from one address; more are refused. A quarter as many "
                                          "sign-ups may wait, apart"),
                                     config::min(1), config::max(100'000)),
        field<&Settings::session_idle>(help("a session ends after this time without a request")),
        field<&Settings::session_lifetime>(help("a session ends after this time in any case")),
        field<&Settings::touch_interval>(help("how often the last use of a session is written")),
        field<&Settings::cookie_prefix>(help("cookies are named <prefix>_session and <prefix>_visitor")),
        field<&Settings::secure_cookies>(
            help("cookies for HTTPS only, also where a request came without (a proxy that does not tell)")),
        field<&Settings::sign_in_failures>(help("failed sign-ins of one address for one user in the window"),
                                           config::min(1)),
        field<&Settings::address_failures>(help("failed sign-ins of one address in the window"),
                                           config::min(1)),
        field<&Settings::address_sign_ups>(
            help("sign-ups of one address in the window, those for taken e-mail addresses included"),
            config::min(1)),
        field<&Settings::failure_window>(help("time that failed sign-ins and sign-ups count for")));
  }
};

}  // namespace mpf::auth
