#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/auth/models.hpp>
#include <mpf/auth/sessions.hpp>
#include <mpf/http/message.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::auth {

/// Who makes a request: a user with a session, or a visitor. Attached to the request by the middleware
/// identify(); belongs to the handler's fiber. The session is read from the database when first asked for.
class Identity {
 public:
  Identity(const Sessions& sessions, orm::SiteScope scope, const http::Request& request);

  /// Null for visitors.
  const User* user();
  /// The user if that is known already, without reading anything; for logs.
  const User* known_user() const noexcept;
  /// Of a signed-in user.
  std::optional<Id> session_id();

  /// Tells the session, or a visitor's browser, apart from all others, for things that belong to it; nothing
  /// for a visitor without cookie. Not a secret. Changes with sign-in and sign-out.
  std::optional<std::string> holder();

  /// What unsafe requests must carry as header X-CSRF-Token or form field csrf_token. Bound to the session;
  /// for visitors to a cookie that is set when this is called first. Changes with sign-in and sign-out.
  std::string csrf_token();
  bool is_csrf_token(std::string_view token);

  /// Ends the session that the request came with and starts a new one. The cookie goes with the answer.
  void sign_in(const User& user);
  void sign_out();

  /// True once anything has been asked: the answer may depend on who makes the request.
  bool used() const noexcept;

  /// Adds the cookies to be set; the middleware does it.
  void write_cookies(http::Response& response) const;

 private:
  void load();
  std::string cookie_name(std::string_view kind) const;

  const Sessions& sessions_;
  orm::SiteScope scope_;
  const http::Request& request_;
  bool secure_;
  bool loaded_ = false;
  std::optional<Session> session_;
  std::optional<User> user_;
  std::string visitor_secret_;
  std::optional<std::string> session_cookie_;  // to be set; empty deletes it
  std::optional<std::string> visitor_cookie_;
};

}  // namespace mpf::auth
