#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <mpf/auth/settings.hpp>
#include <mpf/base/id.hpp>

namespace mpf::auth {

/// Who wants a hash. Strangers have a short queue of their own and at most half of the places, so that
/// however many of them come, users get in.
enum class Asker : std::uint8_t { user, stranger };

/// On whose behalf a hash is made. Of the places where one waits, a site holds half at most and a remote
/// address (IPv6: a block of 64 bits) a quarter, so that none of them keeps all others from signing in. What
/// is empty is not counted.
struct HashFor {
  Asker asker = Asker::user;
  Id site = {};
  std::string_view remote_address = {};
};

/// Argon2id, off the loops and few at a time: one hash takes much memory and time on purpose. Safe to use
/// from all fibers. http::RetryLater, an Error(unavailable), when too many wait already.
class Passwords {
 public:
  explicit Passwords(const Settings& settings);
  ~Passwords();

  std::string hash(std::string_view password, const HashFor& whose = {});

  /// Takes as long for a wrong password as for the right one.
  bool verify(std::string_view password, const std::string& hash, const HashFor& whose = {});

  /// Takes as long as verify(); always false. For users that do not exist.
  bool verify_nobody(std::string_view password, const HashFor& whose = {});

  /// True for a hash made with other parameters than those set now.
  bool is_outdated(const std::string& hash) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Bytes in the longest password that is taken.
inline constexpr std::size_t max_password_bytes = 1024;

}  // namespace mpf::auth
