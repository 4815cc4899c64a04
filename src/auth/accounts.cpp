#include <mpf/auth/accounts.hpp>

#include <vector>

#include <fmt/core.h>

#include <mpf/auth/passwords.hpp>
#include <mpf/base/text.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/telemetry/log.hpp>

#include "auth/throttle.hpp"

namespace mpf::auth {

namespace {

ThrottleOptions throttle_options(const Settings& settings) {
  return {.per_user = static_cast<std::size_t>(settings.sign_in_failures),
          .per_address = static_cast<std::size_t>(settings.address_failures),
          .window = settings.failure_window};
}

ThrottleOptions sign_up_options(const Settings& settings) {
  return {.per_user = static_cast<std::size_t>(settings.address_sign_ups),
          .per_address = static_cast<std::size_t>(settings.address_sign_ups),
          .window = settings.failure_window,
          .refusal = "Too many accounts were asked for from here"};
}

void check_password(std::vector<FieldError>& errors, std::string_view password, std::string_view email,
                    std::int64_t min_length) {
  const auto add = [&](std::string code, std::string message) {
    errors.push_back({"password", std::move(code), std::move(message)});
  };
  if (password.empty()) {
    add("required", "is required");
  } else if (password.size() > max_password_bytes) {
    add("max_length", fmt::format("at most {} bytes", max_password_bytes));
  } else if (!is_valid_utf8(password)) {
    add("utf8", "must be valid UTF-8");
  } else if (utf8_length(password) < static_cast<std::size_t>(min_length)) {
    add("min_length", fmt::format("at least {} characters", min_length));
  } else if (iequals(password, email)) {
    add("guessable", "must not be the e-mail address");
  }
}

bool has_control_character(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

std::string checked_name(std::vector<FieldError>& errors, const NewUser& input, std::string_view email) {
  std::string name(trim(input.name));
  if (name.empty()) name = email.substr(0, email.find('@'));
  if (!is_valid_utf8(name) || has_control_character(name)) {
    errors.push_back({"name", "format", "must be text without control characters"});
  } else if (utf8_length(name) > 200) {
    errors.push_back({"name", "max_length", "at most 200 characters"});
  }
  return name;
}

ValidationError email_taken() {
  return {"email", "taken", "there is a user with this e-mail address already"};
}

[[noreturn]] void refuse() {
  const std::string message = "Wrong e-mail address or password";
  throw Error(ErrorKind::unauthenticated, message, message);
}

std::optional<Password> password_of(const orm::SiteScope& scope, Id user) {
  return scope.query<Password>().where(orm::f<&Password::user> == user).first();
}

}  // namespace

struct Accounts::Impl {
  Impl(const Settings& s, const Clock& c)
      : settings(s),
        clock(c),
        passwords(s),
        throttle(throttle_options(s), c),
        sign_ups(sign_up_options(s), c) {}

  /// Whether the password is the user's, after the same time whether there is such a user or not.
  bool matches(const orm::SiteScope& scope, const std::optional<User>& user, std::string_view password,
               std::string_view remote_address) {
    const HashFor whose{.site = scope.site(), .remote_address = remote_address};
    if (password.size() > max_password_bytes) return passwords.verify_nobody({}, whose);
    const auto stored = user ? password_of(scope, user->id) : std::nullopt;
    if (!stored) return passwords.verify_nobody(password, whose);
    if (!passwords.verify(password, stored->hash, whose)) return false;
    if (passwords.is_outdated(stored->hash)) replace_hash(scope, *stored, password, whose);
    return user->active;
  }

  /// The user that is asked for, not stored yet. ValidationError.
  User checked(const NewUser& input) const {
    std::vector<FieldError> errors;
    const auto email = normalised_email(input.email);
    if (!email) errors.push_back({"email", "format", "must be an e-mail address"});
    User user{.email = email.value_or("")};
    user.name = checked_name(errors, input, user.email);
    user.role = input.role;
    check_password(errors, input.password, user.email, settings.password_min_length);
    if (!errors.empty()) throw ValidationError(std::move(errors));
    return user;
  }

  User create(const orm::SiteScope& scope, User user, std::string_view text, const HashFor& whose) {
    if (scope.query<User>().where(orm::f<&User::email> == user.email).exists()) throw email_taken();
    const std::string hash = passwords.hash(text, whose);
    user.created_at = clock.now();
    try {
      scope.transaction([&] {
        scope.insert(user);
        Password password{.user = orm::Ref<User>(user.id), .hash = hash, .changed_at = user.created_at};
        scope.insert(password);
      });
    } catch (const db::ConstraintError& e) {
      if (e.type() != db::ConstraintError::Type::unique) throw;
      throw email_taken();
    }
    return user;
  }

  void replace_hash(const orm::SiteScope& scope, const Password& stored, std::string_view password,
                    const HashFor& whose) {
    // Only the hash that was read: the user may have set another password meanwhile.
    scope.query<Password>()
        .where(orm::f<&Password::id> == stored.id && orm::f<&Password::hash> == stored.hash)
        .update(orm::set<&Password::hash>(passwords.hash(password, whose)));
  }

  const Settings settings;
  const Clock& clock;
  Passwords passwords;
  Throttle throttle;
  Throttle sign_ups;
};

Accounts::Accounts(const Settings& settings, const Clock& clock)
    : impl_(std::make_unique<Impl>(settings, clock)) {}
Accounts::~Accounts() = default;

User Accounts::create(const orm::SiteScope& scope, const NewUser& input) {
  return impl_->create(scope, impl_->checked(input), input.password, {});
}

User Accounts::sign_up(const orm::SiteScope& scope, const NewUser& input, std::string_view remote_address) {
  User user = impl_->checked(input);
  // Counts for good: what is limited is asking, not failing.
  impl_->sign_ups.begin(scope.site(), user.email, remote_address).failed();
  return impl_->create(scope, std::move(user), input.password,
                       {Asker::stranger, scope.site(), remote_address});
}

std::optional<User> Accounts::find(const orm::SiteScope& scope, std::string_view email) const {
  const auto normalised = normalised_email(email);
  if (!normalised) return std::nullopt;
  return scope.query<User>().where(orm::f<&User::email> == *normalised).first();
}

User Accounts::sign_in(const orm::SiteScope& scope, std::string_view email, std::string_view password,
                       std::string_view remote_address) {
  const std::string name = normalised_email(email).value_or(to_lower_ascii(trim(email)));
  auto attempt = impl_->throttle.begin(scope.site(), name, remote_address);
  std::optional<User> user = find(scope, name);
  if (!impl_->matches(scope, user, password, remote_address)) {
    attempt.failed();
    log::info("sign-in refused from {}", remote_address);
    refuse();
  }
  attempt.succeeded();
  user->last_sign_in = impl_->clock.now();
  scope.update<&User::last_sign_in>(*user);
  return std::move(*user);
}

void Accounts::set_password(const orm::SiteScope& scope, Id user, std::string_view password) {
  const User row = scope.get<User>(user);
  std::vector<FieldError> errors;
  check_password(errors, password, row.email, impl_->settings.password_min_length);
  if (!errors.empty()) throw ValidationError(std::move(errors));
  const std::string hash = impl_->passwords.hash(password);
  scope.transaction([&] {
    auto stored = password_of(scope, user);
    Password value = stored.value_or(Password{.user = orm::Ref<User>(user)});
    value.hash = hash;
    value.changed_at = impl_->clock.now();
    if (stored) {
      scope.update(value);
    } else {
      scope.insert(value);
    }
    scope.query<Session>().where(orm::f<&Session::user> == user).remove();
  });
}

void Accounts::change_password(const orm::SiteScope& scope, Id user, std::string_view current,
                               std::string_view password, std::string_view remote_address) {
  const User row = scope.get<User>(user);
  auto attempt = impl_->throttle.begin(scope.site(), row.email, remote_address);
  if (!impl_->matches(scope, row, current, remote_address)) {
    attempt.failed();
    const std::string message = "The current password is wrong";
    throw Error(ErrorKind::unauthenticated, message, message);
  }
  attempt.succeeded();
  set_password(scope, user, password);
}

void Accounts::set_active(const orm::SiteScope& scope, Id user, bool active) {
  scope.transaction([&] {
    User row = scope.get<User>(user);
    row.active = active;
    scope.update<&User::active>(row);
    if (!active) scope.query<Session>().where(orm::f<&Session::user> == user).remove();
  });
}

}  // namespace mpf::auth
