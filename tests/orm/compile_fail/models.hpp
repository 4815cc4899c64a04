#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mpf/orm/scope.hpp>

struct Site {
  mpf::orm::Id id;
  std::string name;
  static constexpr auto model() {
    return mpf::orm::model<Site>("site", mpf::orm::field<&Site::id>(mpf::orm::tenant),
                                 mpf::orm::field<&Site::name>());
  }
};

struct User {
  mpf::orm::Id id;
  mpf::orm::Ref<Site> site;
  std::string email;
  static constexpr auto model() {
    return mpf::orm::model<User>("user", mpf::orm::field<&User::site>(mpf::orm::tenant),
                                 mpf::orm::field<&User::email>());
  }
};

struct Article {
  mpf::orm::Id id;
  mpf::orm::Ref<Site> site;
  mpf::orm::Ref<User> author;
  std::string title;
  std::optional<int> rank;
  std::string draft;  // not described
  static constexpr auto model() {
    return mpf::orm::model<Article>("article", mpf::orm::field<&Article::site>(mpf::orm::tenant),
                                    mpf::orm::field<&Article::author>(), mpf::orm::field<&Article::title>(),
                                    mpf::orm::field<&Article::rank>());
  }
};

struct Country {
  mpf::orm::Id id;
  std::string code;
  static constexpr auto model() {
    return mpf::orm::model<Country>("country", mpf::orm::field<&Country::code>());
  }
};

struct Provider {
  mpf::orm::Id id;
  std::string name;
  static constexpr auto model() {
    return mpf::orm::model<Provider>("provider", mpf::orm::field<&Provider::id>(mpf::orm::provider_tenant),
                                     mpf::orm::field<&Provider::name>());
  }
};

struct Look {
  mpf::orm::Id id;
  std::optional<mpf::orm::Ref<Provider>> provider;
  std::string kind;
  mpf::Timestamp made_at;
  std::int64_t version = 0;
  static constexpr auto model() {
    return mpf::orm::model<Look>("look", mpf::orm::field<&Look::provider>(mpf::orm::provider_or_system),
                                 mpf::orm::field<&Look::kind>(mpf::orm::row_kind),
                                 mpf::orm::field<&Look::made_at>(mpf::orm::auto_now_add),
                                 mpf::orm::field<&Look::version>(mpf::orm::row_version));
  }
};

using mpf::orm::f;
