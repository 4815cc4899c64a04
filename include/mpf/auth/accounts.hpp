#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/auth/models.hpp>
#include <mpf/auth/settings.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::auth {

struct NewUser {
  std::string email = {};
  std::string name = {};  ///< empty: what is before the '@'
  std::string password = {};
  Role role = Role::member;
};

/// Users of sites and their passwords. Safe to use from all fibers.
class Accounts {
 public:
  /// The clock outlives this.
  explicit Accounts(const Settings& settings, const Clock& clock = Clock::system());
  ~Accounts();

  /// ValidationError with all fields at fault; a taken address is one (code "taken").
  User create(const orm::SiteScope& scope, const NewUser& input);

  /// The same for a stranger: also Error(rate_limited) when there were too many from this remote address,
  /// which counts those for taken addresses too, and Error(unavailable) when too many wait at this moment.
  User sign_up(const orm::SiteScope& scope, const NewUser& input, std::string_view remote_address);

  std::optional<User> find(const orm::SiteScope& scope, std::string_view email) const;

  /// The user with this password. Error(unauthenticated), the same and after the same time for an unknown
  /// address, a wrong password and an inactive user; Error(rate_limited) after too many failures from this
  /// remote address; Error(unavailable) when too many wait at this moment, at all, on this site, or from this
  /// remote address. Replaces a hash whose parameters are outdated.
  User sign_in(const orm::SiteScope& scope, std::string_view email, std::string_view password,
               std::string_view remote_address);

  /// Sets a new password and ends all sessions of the user. ValidationError, Error(not_found).
  void set_password(const orm::SiteScope& scope, Id user, std::string_view password);

  /// The same, for users themselves: Error(unauthenticated) unless `current` is right.
  void change_password(const orm::SiteScope& scope, Id user, std::string_view current,
                       std::string_view password, std::string_view remote_address);

  /// Inactive users cannot sign in, and their sessions are void from the next request on.
  void set_active(const orm::SiteScope& scope, Id user, bool active);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The address in lower case without surrounding spaces; nothing if it is none: WHATWG's rule for e-mail
/// fields, at most 254 bytes, and neither dots at an end of the part before '@' or next to each other, nor a
/// domain that ends in a number.
std::optional<std::string> normalised_email(std::string_view text);

}  // namespace mpf::auth
