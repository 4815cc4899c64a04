#include "user/account/module.hpp"

#include <string>
#include <utility>

#include <mpf/app/context.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/auth/accounts.hpp>
#include <mpf/base/json.hpp>

#include "user/account/api.hpp"

namespace portal::user {
namespace {

using mpf::Context;
using mpf::http::Response;

struct SignIn {
  std::string email;
  std::string password;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&SignIn::email>(), mpf::field<&SignIn::password>());
  }
};

struct SignUp {
  std::string name;
  std::string email;
  std::string password;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&SignUp::name>(), mpf::field<&SignUp::email>(),
                         mpf::field<&SignUp::password>());
  }
};

struct PasswordChange {
  std::string current;
  std::string password;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&PasswordChange::current>(), mpf::field<&PasswordChange::password>());
  }
};

/// Who is signed in, with the CSRF token that goes with it from now on.
Response account_answer(Context& ctx, const mpf::auth::User* user, int status) {
  auto response = Response::json_text(
      "{\"user\":" + user_json(user) + ",\"csrf\":" + mpf::to_json(ctx.identity().csrf_token()) + "}",
      status);
  response.header("Cache-Control", "private, no-store");
  return response;
}

Response sign_in(Context& ctx) {
  const auto input = ctx.request().json<SignIn>();
  const auto user =
      ctx.accounts().sign_in(ctx.scope(), input.email, input.password, ctx.request().remote_address);
  ctx.identity().sign_in(user);
  return account_answer(ctx, &user, 200);
}

Response sign_up(Context& ctx) {
  if (!ctx.site().sign_up) {
    throw mpf::Error(mpf::ErrorKind::denied, "site " + ctx.site().slug + " is by invitation",
                     "This site is by invitation: ask its owner for an account");
  }
  auto input = ctx.request().json<SignUp>();
  const auto user = ctx.accounts().sign_up(
      ctx.scope(),
      {.email = std::move(input.email), .name = std::move(input.name), .password = std::move(input.password)},
      ctx.request().remote_address);
  ctx.identity().sign_in(user);
  return account_answer(ctx, &user, 201);
}

Response sign_out(Context& ctx) {
  ctx.identity().sign_out();
  return Response::no_content();
}

Response show_me(Context& ctx) { return account_answer(ctx, ctx.user(), 200); }

Response change_password(Context& ctx) {
  const auto& user = ctx.require_user();
  const auto input = ctx.request().json<PasswordChange>();
  ctx.accounts().change_password(ctx.scope(), user.id, input.current, input.password,
                                 ctx.request().remote_address);
  ctx.identity().sign_in(mpf::auth::User(user));
  return account_answer(ctx, ctx.user(), 200);
}

}  // namespace

void AccountModule::setup(mpf::Setup& s) {
  s.get("/api/account/me", show_me);
  s.post("/api/account/sign-in", sign_in);
  s.post("/api/account/sign-up", sign_up);
  s.post("/api/account/sign-out", sign_out);
  s.post("/api/account/password", change_password);
}

}  // namespace portal::user
