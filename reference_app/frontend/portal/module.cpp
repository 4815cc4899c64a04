#include "frontend/portal/module.hpp"

#include <memory>
#include <string>
#include <utility>

#include <mpf/app/context.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/json.hpp>
#include <mpf_embedded/portal_frontend_pages.hpp>

#include "content/item/api.hpp"
#include "foundation/site/api.hpp"
#include "user/account/api.hpp"

namespace portal::frontend {
namespace {

using mpf::Context;
using mpf::http::Response;

constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; media-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

/// All that the portal needs to show a site to whoever asks: the content is one text out of the cache, per
/// class of viewers; only what concerns the one user is made anew.
Response bootstrap(Context& ctx) {
  const auto* user = ctx.user();
  const auto content = content::content_snapshot(ctx, ctx.site(), content::viewer_of(user));
  const auto site = foundation::site_json(ctx.site());
  const auto account = user::user_json(user);
  const auto csrf = mpf::to_json(ctx.identity().csrf_token());
  std::string json;
  json.reserve(content->size() + site.size() + account.size() + csrf.size() + 40);
  json.append("{\"site\":").append(site).append(",\"user\":").append(account);
  json.append(",\"csrf\":").append(csrf).append(",").append(*content).append("}");
  auto response = Response::json_text(std::move(json));
  response.header("Cache-Control", "private, no-store");
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
