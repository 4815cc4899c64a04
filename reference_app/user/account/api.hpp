#pragma once

#include <string>

#include <mpf/auth/models.hpp>

/// What other service groups may ask about users.
namespace portal::user {

/// What people see of their own account, as JSON; "null" for visitors.
std::string user_json(const mpf::auth::User* user);

}  // namespace portal::user
