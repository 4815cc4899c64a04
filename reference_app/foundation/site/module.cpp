#include "foundation/site/module.hpp"

#include <mpf/app/setup.hpp>
#include <mpf/base/file.hpp>
#include <mpf/fiber/fiber.hpp>

#include "foundation/site/definition.hpp"
#include "foundation/site/look.hpp"

namespace portal::foundation {

void SiteModule::setup(mpf::Setup& s) {
  s.page_look([](const mpf::tenant::CurrentSite& site) {
    const auto look = look_of(site.look);
    return mpf::http::PageLook{.name = site.name,
                               .primary = look.primary,
                               .background = look.background,
                               .surface = look.surface,
                               .text = look.text,
                               .radius = look.radius};
  });
  s.command("define-site", "Make a site, or bring it up to date, as a JSON file describes it")
      .argument("file", "Description: provider, slug, name, hosts, look, users")
      .run([](mpf::CommandContext& ctx) {
        const auto text = mpf::fiber::offload([&] { return mpf::read_file(ctx.text("file"), 1024 * 1024); });
        const auto site = apply_definition(ctx, mpf::from_json<SiteDefinition>(text));
        ctx.print("site " + site->slug + " is as described");
      });
}

}  // namespace portal::foundation
