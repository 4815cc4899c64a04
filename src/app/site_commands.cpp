#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/base/error.hpp>
#include <mpf/db/database.hpp>
#include <mpf/tenant/sites.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"

namespace mpf::app {

namespace {

Id provider_named(const CommandContext& ctx, const std::string& slug) {
  for (const auto& provider : ctx.sites().providers()) {
    if (provider.slug == slug) return provider.id;
  }
  return ctx.sites().create_provider({.slug = slug}).id;
}

void create_site(CommandContext& ctx) {
  const std::string& slug = ctx.text("slug");
  if (ctx.flag("if-missing") && ctx.sites().find_slug(slug)) {
    ctx.print(fmt::format("site {} is there already", slug));
    return;
  }
  tenant::NewSite input{.slug = slug,
                        .name = ctx.find("name").value_or(""),
                        .tagline = ctx.find("tagline").value_or(""),
                        .time_zone = ctx.text("time-zone"),
                        .sign_up = !ctx.flag("no-sign-up"),
                        .hosts = ctx.list("hosts")};
  const tenant::Site site = ctx.db().transaction([&](db::Transaction&) {
    input.provider = provider_named(ctx, ctx.text("provider"));
    tenant::Site made = ctx.sites().create_site(input);
    ctx.emit(tenant::SiteCreated{made.id});
    return made;
  });
  ctx.print(fmt::format("site {} created", site.slug));
}

void list_sites(CommandContext& ctx) {
  std::vector<std::vector<std::string>> rows{{"SITE", "NAME", "PROVIDER", "HOSTS", ""}};
  for (const tenant::Site& site : ctx.sites().sites()) {
    std::string hosts;
    for (const auto& host : ctx.sites().hosts(site.id)) hosts += (hosts.empty() ? "" : ", ") + host.host;
    rows.push_back({site.slug, site.name, site.provider->slug, hosts, site.active ? "" : "inactive"});
  }
  ctx.out() << table(rows);
}

}  // namespace

void add_site_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("site", "Sites and their hosts"));
  Command& site = *commands.back();

  site.command("create", "Creates a site")
      .argument("slug", "Short name: a-z, 0-9 and '-'")
      .arguments("hosts", "Host names, without port; the first is the main one")
      .option("name", "NAME", "Name for people (default: the slug)")
      .option("tagline", "TEXT", "What the site is, in a sentence")
      .option("provider", "SLUG", "Company that owns the site; made if it is not there", "main")
      .option("time-zone", "ZONE", "IANA time zone", "UTC")
      .flag("no-sign-up", "Visitors cannot make themselves users")
      .flag("if-missing", "Do nothing if the site is there already")
      .run(create_site);

  site.command("list", "Lists the sites").run(list_sites);

  Command& host = site.command("host", "Hosts of a site");
  host.command("add", "Gives a site another host")
      .argument("site", "Slug or host of the site")
      .argument("host", "Host name, without port")
      .flag("main", "Make it the main one")
      .run([](CommandContext& ctx) {
        const auto found = ctx.find_site(ctx.text("site"));
        const auto added = ctx.sites().add_host(found->id, ctx.text("host"), ctx.flag("main"));
        ctx.print(fmt::format("{} leads to site {}", added.host, found->slug));
      });
  host.command("remove", "Takes a host away from its site")
      .argument("host", "Host name")
      .run([](CommandContext& ctx) {
        if (!ctx.sites().remove_host(ctx.text("host"))) {
          fail(ErrorKind::not_found, fmt::format("no site has the host '{}'", ctx.text("host")));
        }
        ctx.print(fmt::format("{} leads nowhere now", ctx.text("host")));
      });
}

}  // namespace mpf::app
