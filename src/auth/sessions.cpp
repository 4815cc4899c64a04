#include <mpf/auth/sessions.hpp>

#include <mpf/base/hash.hpp>
#include <mpf/base/random.hpp>
#include <mpf/base/text.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::auth {

namespace {

constexpr std::size_t token_length = 43;  // base64url of 32 bytes

std::string as_text(std::string_view bytes, std::size_t max_length) {
  if (!is_valid_utf8(bytes)) return {};
  return std::string(truncate_utf8(bytes, max_length));
}

}  // namespace

Sessions::Sessions(const Settings& settings, const Clock& clock) : settings_(settings), clock_(clock) {}

Sessions::Started Sessions::start(const orm::SiteScope& scope, const User& user,
                                  std::string_view remote_address, std::string_view user_agent) const {
  Started started;
  started.token = random_token();
  const Timestamp now = clock_.now();
  started.session = Session{.user = orm::Ref<User>(user.id),
                            .token_hash = sha256(started.token),
                            .csrf_secret = random_token(),
                            .created_at = now,
                            .last_seen = now,
                            .expires_at = now + settings_.session_lifetime,
                            .remote_address = as_text(remote_address, 64),
                            .user_agent = as_text(user_agent, 300)};
  scope.insert(started.session);
  return started;
}

std::optional<Session> Sessions::find(const orm::SiteScope& scope, std::string_view token) const {
  if (token.size() != token_length) return std::nullopt;
  auto session = scope.query<Session>()
                     .with<&Session::user>()
                     .where(orm::f<&Session::token_hash> == sha256(token))
                     .first();
  if (!session) return std::nullopt;
  const Timestamp now = clock_.now();
  if (now >= session->expires_at || now >= session->last_seen + settings_.session_idle) return std::nullopt;
  if (!session->user->active) return std::nullopt;
  if (now >= session->last_seen + settings_.touch_interval) {
    session->last_seen = now;
    try {
      // Of its own inside of another one: PostgreSQL ends a transaction at its first error.
      scope.transaction([&] { scope.update<&Session::last_seen>(*session); });
    } catch (const Error& e) {
      // Reading must go on while writing fails (a full disk); and the session may have just been ended.
      log::warning("last use of session {} not written: {}", session->id.value, e.what());
    }
  }
  return session;
}

void Sessions::end(const orm::SiteScope& scope, Id session) const { scope.remove<Session>(session); }

std::uint64_t Sessions::end_all(const orm::SiteScope& scope, Id user, std::optional<Id> except) const {
  return scope.query<Session>()
      .where(orm::f<&Session::user> == user && orm::f<&Session::id> != except.value_or(Id()))
      .remove();
}

std::uint64_t Sessions::purge(const orm::SystemScope& scope) const {
  const Timestamp now = clock_.now();
  return scope.query<Session>()
      .where(orm::f<&Session::expires_at> <= now ||
             orm::f<&Session::last_seen> <= now - settings_.session_idle)
      .remove();
}

}  // namespace mpf::auth
