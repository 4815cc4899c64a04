#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/auth/accounts.hpp>
#include <mpf/base/enum.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/random.hpp>
#include <mpf/orm/query.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"

namespace mpf::app {

namespace {

constexpr std::size_t generated_password_bytes = 15;

orm::SiteScope scope_of(const CommandContext& ctx) {
  return ctx.site_scope(ctx.find_site(ctx.text("site"))->id);
}

auth::User user_of(const CommandContext& ctx, const orm::SiteScope& scope) {
  auto user = ctx.accounts().find(scope, ctx.text("email"));
  if (!user) {
    fail(ErrorKind::not_found, fmt::format("site {} has no user '{}'", ctx.text("site"), ctx.text("email")));
  }
  return *user;
}

std::string new_password(const CommandContext& ctx) {
  if (!ctx.flag("generate")) return ctx.read_password("New password: ");
  std::string password = random_token(generated_password_bytes);
  ctx.print("password: " + password);
  return password;
}

void create_user(CommandContext& ctx) {
  const orm::SiteScope scope = scope_of(ctx);
  if (ctx.flag("if-missing") && ctx.accounts().find(scope, ctx.text("email"))) {
    ctx.print(fmt::format("user {} is there already", ctx.text("email")));
    return;
  }
  const auth::User user = ctx.accounts().create(scope, {.email = ctx.text("email"),
                                                        .name = ctx.find("name").value_or(""),
                                                        .password = new_password(ctx),
                                                        .role = *parse_enum<auth::Role>(ctx.text("role"))});
  ctx.print(fmt::format("user {} created ({})", user.email, enum_name(user.role)));
}

void list_users(CommandContext& ctx) {
  std::vector<std::vector<std::string>> rows{{"EMAIL", "NAME", "ROLE", "LAST SIGN-IN", ""}};
  for (const auth::User& user :
       scope_of(ctx).query<auth::User>().order_by(orm::asc<&auth::User::email>).all()) {
    rows.push_back({user.email, user.name, std::string(enum_name(user.role)),
                    user.last_sign_in ? user.last_sign_in->to_string() : "never",
                    user.active ? "" : "inactive"});
  }
  ctx.out() << table(rows);
}

void set_active(CommandContext& ctx, bool active) {
  const orm::SiteScope scope = scope_of(ctx);
  const auth::User user = user_of(ctx, scope);
  ctx.accounts().set_active(scope, user.id, active);
  ctx.print(fmt::format("user {} is {}", user.email, active ? "active" : "inactive"));
}

}  // namespace

void add_user_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("user", "Users of sites"));
  Command& user = *commands.back();
  const auto about_user = [&](const char* name, const char* help) -> Command& {
    return user.command(name, help)
        .argument("site", "Slug or host of the site")
        .argument("email", "The user's e-mail address");
  };

  about_user("create", "Creates a user; the password is read from standard input")
      .option("name", "NAME", "Name for people")
      .choice("role", {"member", "staff", "owner"}, "What the user may do", "member")
      .flag("generate", "Make up a password and show it")
      .flag("if-missing", "Do nothing if the user is there already")
      .run(create_user);
  user.command("list", "Lists the users of a site")
      .argument("site", "Slug or host of the site")
      .run(list_users);
  about_user("password", "Sets a new password and ends the user's sessions")
      .flag("generate", "Make up a password and show it")
      .run([](CommandContext& ctx) {
        const orm::SiteScope scope = scope_of(ctx);
        const auth::User found = user_of(ctx, scope);
        ctx.accounts().set_password(scope, found.id, new_password(ctx));
        ctx.print(fmt::format("user {} has a new password", found.email));
      });
  about_user("deactivate", "Locks a user out").run([](CommandContext& ctx) { set_active(ctx, false); });
  about_user("activate", "Lets a user in again").run([](CommandContext& ctx) { set_active(ctx, true); });
}

}  // namespace mpf::app
