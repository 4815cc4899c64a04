#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mpf/app/services.hpp>
#include <mpf/auth/models.hpp>
#include <mpf/base/json.hpp>
#include <mpf/tenant/site.hpp>

#include "foundation/site/look.hpp"

namespace portal::foundation {

struct ProviderDefinition {
  std::string slug;
  std::string name;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ProviderDefinition::slug>(),
                         mpf::field<&ProviderDefinition::name>(mpf::defaulted));
  }
};

struct UserDefinition {
  std::string email;
  std::string name;
  std::string password;
  mpf::auth::Role role = mpf::auth::Role::member;

  static constexpr auto describe() {
    return mpf::describe(
        mpf::field<&UserDefinition::email>(), mpf::field<&UserDefinition::name>(mpf::defaulted),
        mpf::field<&UserDefinition::password>(), mpf::field<&UserDefinition::role>(mpf::defaulted));
  }
};

/// A site in a file: what it is called, how it looks, who uses it.
struct SiteDefinition {
  ProviderDefinition provider;
  std::string slug;
  std::string name;
  std::string tagline;
  std::vector<std::string> hosts;
  bool sign_up = true;
  Look look;
  std::vector<UserDefinition> users;

  static constexpr auto describe() {
    using mpf::defaulted;
    return mpf::describe(
        mpf::field<&SiteDefinition::provider>(), mpf::field<&SiteDefinition::slug>(),
        mpf::field<&SiteDefinition::name>(), mpf::field<&SiteDefinition::tagline>(defaulted),
        mpf::field<&SiteDefinition::hosts>(), mpf::field<&SiteDefinition::sign_up>(defaulted),
        mpf::field<&SiteDefinition::look>(defaulted), mpf::field<&SiteDefinition::users>(defaulted));
  }
};

/// Makes the site as described, or brings it up to that: hosts are added, the look is replaced, users that
/// are missing are made. Users that exist keep their passwords. ValidationError for what is wrong.
std::shared_ptr<const mpf::tenant::CurrentSite> apply_definition(const mpf::Services& services,
                                                                 const SiteDefinition& definition);

}  // namespace portal::foundation
