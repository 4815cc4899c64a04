#include "frontend/portal/module.hpp"

#include <memory>
#include <string>
#include <utility>

#include <mpf/app/context.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/json.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/web/compression.hpp>
#include <mpf_embedded/portal_frontend_pages.hpp>

#include "content/item/api.hpp"
#include "foundation/site/api.hpp"
#include "user/account/api.hpp"

namespace portal::frontend {
namespace {

using mpf::Context;
using mpf::http::Response;
using mpf::web::SharedText;

constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; media-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

/// What all viewers of a class see of a site: how it looks, and its content.
std::shared_ptr<const SharedText> shared_part(Context& ctx, content::Viewer viewer) {
  const auto& site = ctx.site();
  // The site as it is now is part of the key: changes of a site and of its content are told apart.
  return ctx.cache().get<SharedText>(
      mpf::cache::key("portal_bootstrap", static_cast<int>(viewer), foundation::site_version(site)),
      site.content_group(), [&] {
        return SharedText("\"site\":" + foundation::site_json(site) + "," +
                          content::content_json(ctx, site, viewer) + "}");
      });
}

/// All that the portal needs to show a site to whoever asks. Only what concerns the one user is made anew.
Response bootstrap(Context& ctx) {
  const auto* user = ctx.user();
  const auto shared = shared_part(ctx, content::viewer_of(user));
  std::string own =
      "{\"user\":" + user::user_json(user) + ",\"csrf\":" + mpf::to_json(ctx.identity().csrf_token()) + ",";
  auto response = shared->answer(ctx.request(), "application/json", std::move(own));
  // A browser may keep it, and asks each time whether it is still so.
  response.header("Cache-Control", "private, no-cache");
  return response;
}

Response page(Context& /*ctx*/) {
  const auto index = pages().find("index.html");
  auto response = Response::html(std::string(
      index.value_or("<!doctype html><title>Portal</title><p>The portal's pages are not built.")));
  response.header("Content-Security-Policy", page_policy);
  response.header("Cache-Control", "no-cache");
  return response;
}

}  // namespace

void PortalModule::setup(mpf::Setup& s) {
  s.get("/api/portal/bootstrap", bootstrap);
  s.static_files("/portal-assets", pages());
  for (const auto* path : {"/", "/c/{collection}", "/i/{item}", "/search", "/sign-in", "/sign-up"})
    s.get(path, page);
}

}  // namespace portal::frontend
