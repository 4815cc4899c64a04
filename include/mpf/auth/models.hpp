#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/orm/schema.hpp>
#include <mpf/tenant/models.hpp>

namespace mpf {
class EmbeddedFiles;
}

/// Users, passwords and sessions. A user belongs to one site: the same address on two sites is two users,
/// and a session of one site means nothing to another.
namespace mpf::auth {

enum class Role : std::uint8_t { member, staff, owner };

struct User {
  orm::Id id = {};
  orm::Ref<tenant::Site> site = {};
  std::string email = {};  ///< lower case, unique in the site
  std::string name = {};
  Role role = Role::member;
  bool active = true;  ///< false: cannot sign in, sessions are void
  Timestamp created_at = {};
  std::optional<Timestamp> last_sign_in = {};

  /// Staff and owners.
  bool is_staff() const noexcept { return role != Role::member; }

  static constexpr auto model() {
    return orm::model<User>("auth_user", orm::field<&User::id>(), orm::field<&User::site>(orm::tenant),
                            orm::field<&User::email>(orm::max_length(254)),
                            orm::field<&User::name>(orm::max_length(200)), orm::field<&User::role>(),
                            orm::field<&User::active>(), orm::field<&User::created_at>(orm::auto_now_add),
                            orm::field<&User::last_sign_in>(), orm::unique<&User::site, &User::email>());
  }
};

/// Apart from the user, so that no code that shows users can show it.
struct Password {
  orm::Id id = {};
  orm::Ref<tenant::Site> site = {};
  orm::Ref<User> user = {};
  std::string hash = {};  ///< Argon2id with its parameters
  Timestamp changed_at = {};

  static constexpr auto model() {
    return orm::model<Password>(
        "auth_password", orm::field<&Password::id>(), orm::field<&Password::site>(orm::tenant),
        orm::field<&Password::user>(orm::unique(), orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&Password::hash>(orm::max_length(200)), orm::field<&Password::changed_at>());
  }
};

struct Session {
  orm::Id id = {};
  orm::Ref<tenant::Site> site = {};
  orm::Ref<User> user = {};
  std::string token_hash = {};  ///< SHA-256 of the cookie's value, which is stored nowhere
  std::string csrf_secret = {};
  Timestamp created_at = {};
  Timestamp last_seen = {};
  Timestamp expires_at = {};  ///< whatever is done meanwhile
  std::string remote_address = {};
  std::string user_agent = {};

  static constexpr auto model() {
    return orm::model<Session>(
        "auth_session", orm::field<&Session::id>(), orm::field<&Session::site>(orm::tenant),
        orm::field<&Session::user>(orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&Session::token_hash>(orm::max_length(64), orm::unique()),
        orm::field<&Session::csrf_secret>(orm::max_length(64)), orm::field<&Session::created_at>(),
        orm::field<&Session::last_seen>(), orm::field<&Session::expires_at>(orm::indexed),
        orm::field<&Session::remote_address>(orm::max_length(64)),
        orm::field<&Session::user_agent>(orm::max_length(300)));
  }
};

std::vector<orm::Table> tables();
const EmbeddedFiles& migrations();

}  // namespace mpf::auth
