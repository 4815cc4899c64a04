#include <mpf/auth/identity.hpp>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/hash.hpp>
#include <mpf/base/random.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::auth {

namespace {

constexpr std::string_view session_kind = "session";
constexpr std::string_view visitor_kind = "visitor";
constexpr std::size_t secret_length = 43;  // random_token()

}  // namespace

Identity::Identity(const Sessions& sessions, orm::SiteScope scope, const http::Request& request)
    : sessions_(sessions),
      scope_(scope),
      request_(request),
      secure_(request.secure || sessions.settings().secure_cookies) {}

void Identity::load() {
  if (loaded_) return;
  if (const auto token = request_.cookie(cookie_name(session_kind))) {
    session_ = sessions_.find(scope_, *token);
    if (session_) user_ = *session_->user;
  }
  if (const auto secret = request_.cookie(cookie_name(visitor_kind))) {
    if (secret->size() == secret_length) visitor_secret_ = *secret;
  }
  loaded_ = true;
}

const User* Identity::user() {
  load();
  return user_ ? &*user_ : nullptr;
}

const User* Identity::known_user() const noexcept { return user_ ? &*user_ : nullptr; }

std::optional<Id> Identity::session_id() {
  load();
  return session_ ? std::optional(session_->id) : std::nullopt;
}

std::optional<std::string> Identity::holder() {
  load();
  if (session_) return fmt::format("session:{}", session_->id.value);
  if (visitor_secret_.empty()) return std::nullopt;
  return "visitor:" + sha256(visitor_secret_);
}

std::string Identity::csrf_token() {
  load();
  if (!session_ && visitor_secret_.empty()) {
    visitor_secret_ = random_token();
    visitor_cookie_ = visitor_secret_;
  }
  const std::string& secret = session_ ? session_->csrf_secret : visitor_secret_;
  return hmac_sha256(secret, fmt::format("csrf of site {}", scope_.site().value));
}

bool Identity::is_csrf_token(std::string_view token) {
  load();
  if (!session_ && visitor_secret_.empty()) return false;
  return constant_time_equal(token, csrf_token());
}

void Identity::sign_in(const User& user) {
  load();
  scope_.transaction([&] {
    if (session_) sessions_.end(scope_, session_->id);
    auto started = sessions_.start(scope_, user, request_.remote_address, request_.header("User-Agent"));
    session_ = std::move(started.session);
    session_cookie_ = std::move(started.token);
  });
  user_ = user;
  if (!visitor_secret_.empty()) visitor_cookie_ = "";
  visitor_secret_.clear();
  log::info("user {} signed in from {}", user.id.value, request_.remote_address);
}

void Identity::sign_out() {
  load();
  if (!session_) return;
  sessions_.end(scope_, session_->id);
  log::info("user {} signed out", user_->id.value);
  session_.reset();
  user_.reset();
  session_cookie_ = "";
}

bool Identity::used() const noexcept { return loaded_; }

void Identity::write_cookies(http::Response& response) const {
  const auto write = [&](std::string_view kind, const std::optional<std::string>& value,
                         std::chrono::seconds life) {
    if (!value) return;
    response.cookie(http::Cookie{.name = cookie_name(kind),
                                 .value = *value,
                                 .max_age = value->empty() ? std::chrono::seconds(0) : life,
                                 .secure = secure_});
  };
  write(session_kind, session_cookie_, sessions_.settings().session_lifetime);
  write(visitor_kind, visitor_cookie_, std::chrono::hours(24));
}

std::string Identity::cookie_name(std::string_view kind) const {
  // Browsers take a __Host- cookie only for HTTPS, for this very host and the whole of it.
  return fmt::format("{}{}_{}", secure_ ? "__Host-" : "", sessions_.settings().cookie_prefix, kind);
}

}  // namespace mpf::auth
