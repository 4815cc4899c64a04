#pragma once

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

using mpf::orm::f;
