#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/auth/models.hpp>
#include <mpf/auth/settings.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::auth {

/// Server-side sessions of signed-in users. The browser holds a random token, the database its hash. Safe to
/// use from all fibers.
class Sessions {
 public:
  /// The clock outlives this.
  explicit Sessions(const Settings& settings, const Clock& clock = Clock::system());

  struct Started {
    Session session;
    std::string token;
  };
  Started start(const orm::SiteScope& scope, const User& user, std::string_view remote_address,
                std::string_view user_agent) const;

  /// The session of this site with that token, `user` loaded; nothing when it is unknown, expired, idle for
  /// too long, or its user is not active. Writes down that it was used, now and then.
  std::optional<Session> find(const orm::SiteScope& scope, std::string_view token) const;

  void end(const orm::SiteScope& scope, Id session) const;
  /// All sessions of a user but, perhaps, one; how many.
  std::uint64_t end_all(const orm::SiteScope& scope, Id user, std::optional<Id> except = {}) const;

  /// Removes the expired ones of all sites; how many.
  std::uint64_t purge(const orm::SystemScope& scope) const;

  const Settings& settings() const noexcept { return settings_; }

 private:
  Settings settings_;
  const Clock& clock_;
};

}  // namespace mpf::auth
