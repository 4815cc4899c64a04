#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include <mpf/app/context.hpp>
#include <mpf/base/file.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/random.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/telemetry/log.hpp>
#include <mpf/web/markdown.hpp>

#include "content/item/models.hpp"
#include "content/item/routes.hpp"
#include "content/item/rules.hpp"
#include "content/item/settings.hpp"
#include "content/text.hpp"

/// Protected delivery. Opening an item gives a grant: a random token in an address under which the item's
/// page and what it shows load, for the session (or the visitor's browser) that asked, on this site, until
/// it expires. Paths are looked up among the rows of the item's source, never on disk, so there is nothing
/// that "..", an absolute path or a link could lead to. Whatever is wrong, the answer is the same 404.
namespace portal::content {
namespace {

using mpf::Context;
using mpf::http::Response;

/// Texts up to this size become pages.
constexpr std::int64_t max_rendered_bytes = 16 * 1024 * 1024;

/// Pages come from authors, not from the portal: they may show their own files and style themselves, but
/// run no script, send no form and be framed by nobody but the portal.
constexpr std::string_view page_policy =
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups";
/// Browsers show PDF with a viewer of their own, which a sandbox would block.
constexpr std::string_view pdf_policy =
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

struct AccessAnswer {
  std::string url;
  mpf::Timestamp expires_at;
  Kind kind;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&AccessAnswer::url>(), mpf::field<&AccessAnswer::expires_at>(),
                         mpf::field<&AccessAnswer::kind>());
  }
};

std::string encode_path(std::string_view path) {
  std::string result;
  for (const auto segment : mpf::split(path, '/')) {
    if (!result.empty()) result += '/';
    result += mpf::percent_encode(segment);
  }
  return result;
}

Response grant_access(Context& ctx) {
  const auto scope = ctx.scope();
  const auto id = ctx.request().id_param("id");
  const auto item = scope.query<Item>()
                        .where(orm::f<&Item::id> == id && orm::f<&Item::retired_at>.is_null())
                        .with<&Item::file>()
                        .first();
  const auto appearance = item ? appearance_of(item->visibility, viewer_of(ctx.user())) : Appearance::hidden;
  if (appearance == Appearance::hidden)
    throw mpf::Error(mpf::ErrorKind::not_found, "no item " + id.to_string());
  if (appearance == Appearance::locked) {
    throw mpf::Error(mpf::ErrorKind::unauthenticated, "item " + id.to_string() + " is for members",
                     "Sign in to open this");
  }
  const auto holder = ctx.identity().holder();
  if (!holder) {
    // Unsafe requests carry a CSRF token, which visitors get with the cookie that tells them apart.
    throw mpf::Error(mpf::ErrorKind::denied, "a visitor without cookie asked for a grant",
                     "Cookies are needed to open this");
  }
  const std::string token = mpf::random_token(32);
  Grant grant;
  grant.item = orm::Ref<Item>(item->id);
  grant.token_hash = mpf::sha256(token);
  grant.holder = *holder;
  grant.expires_at = ctx.clock().now() + ctx.settings<DeliverySettings>().grant_lifetime;
  scope.insert(grant);
  return Response::json(AccessAnswer{"/protected/" + token + "/" + encode_path(item->file->path),
                                     grant.expires_at, item->kind})
      .header("Cache-Control", "private, no-store");
}

[[noreturn]] void refuse(std::string_view why) {
  throw mpf::Error(mpf::ErrorKind::not_found, fmt::format("protected file refused: {}", why),
                   "This content is not available");
}

/// The file that a path means under a grant, for whoever asks; refuses everything else.
File find_file(Context& ctx, const orm::SiteScope& scope, const std::string& token, const std::string& path) {
  // Grant and item apart: for a few grants of items with low ids PostgreSQL would join them by going through
  // the items in the order of their ids, and through all of other sites when those of this one have ended.
  const auto grant = scope.query<Grant>().where(orm::f<&Grant::token_hash> == mpf::sha256(token)).first();
  if (!grant) refuse("unknown grant");
  if (grant->expires_at <= ctx.clock().now()) refuse("the grant has expired");
  if (grant->holder != ctx.identity().holder()) refuse("the grant is somebody else's");
  const auto opened =
      scope.query<Item>().where(orm::f<&Item::id> == grant->item.id).with<&Item::file>().first();
  const auto viewer = viewer_of(ctx.user());
  if (!opened || opened->retired_at || !may_open(opened->visibility, viewer))
    refuse("the item is closed meanwhile");

  auto file = scope.query<File>()
                  .where(orm::f<&File::source> == opened->file->source.id && orm::f<&File::path> == path &&
                         orm::f<&File::retired_at>.is_null())
                  .first();
  if (!file) refuse("no such file in the item's source");
  // A page that is linked to is an item of its own, with its own visibility; other files are as visible as
  // the pages that show them.
  const auto item = scope.query<Item>()
                        .where(orm::f<&Item::file> == file->id && orm::f<&Item::retired_at>.is_null())
                        .first();
  if (!may_open(item ? item->visibility : file->visibility, viewer)) {
    refuse("the file is not for this viewer");
  }
  return std::move(*file);
}

std::string document(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">"
      "<title>{}</title><style>"
      ":root{{color-scheme:light}}body{{margin:0;background:#fff;color:#1c2330;font:1.0625rem/1.7 "
      "system-ui,sans-serif}}"
      "main{{max-width:46rem;margin:0 auto;padding:2.5rem 1.5rem 5rem;overflow-wrap:break-word}}"
      "h1,h2,h3{{line-height:1.25;letter-spacing:-.01em;margin:2em 0 .6em}}h1{{font-size:2rem;margin-top:0}}"
      "img{{max-width:100%;height:auto;border-radius:.5rem}}a{{color:#1f5fbf}}"
      "pre{{background:#f4f6f9;border-radius:.5rem;padding:1rem;overflow:auto;font-size:.9em}}"
      "code{{font-family:ui-monospace,monospace;font-size:.92em}}:not(pre)>code{{background:#f4f6f9;border-"
      "radius:.25rem;padding:.1em .3em}}"
      "blockquote{{margin:1.5em 0;padding:.2em 1.2em;border-left:4px solid #d5dbe5;color:#4a5568}}"
      "table{{border-collapse:collapse;display:block;overflow:auto}}th,td{{border:1px solid "
      "#d5dbe5;padding:.45em .8em;text-align:left}}"
      "th{{background:#f4f6f9}}hr{{border:0;border-top:1px solid #d5dbe5;margin:2.5em "
      "0}}.plain{{white-space:pre-wrap;font-family:ui-monospace,monospace;font-size:.95rem}}"
      "</style></head><body><main>{}</main></body></html>",
      mpf::escape_html(title), body);
}

/// "text/plain", with the charset that the type names.
std::string plain_type(std::string_view type) {
  const auto parameters = type.find(';');
  return "text/plain" + std::string(parameters == type.npos ? "" : type.substr(parameters));
}

Response send(Context& ctx, const File& file) {
  Response response;
  const std::string_view type = file.content_type;
  const bool markdown = type.starts_with("text/markdown");
  const bool text_alone = markdown || type.starts_with("text/plain");
  if (text_alone && file.size <= max_rendered_bytes) {
    const auto content = ctx.storage().read(file.stored, max_rendered_bytes);
    const auto text = without_mark(content);
    auto body = mpf::fiber::offload([&] {
      return markdown ? mpf::web::render_markdown(text)
                      : "<div class=\"plain\">" + mpf::escape_html(text) + "</div>";
    });
    response = Response::html(document(file.path, body));
  } else {
    const auto path = ctx.storage().local_path(file.stored);
    if (!path) {
      response = Response{};
      response.body = ctx.storage().read(file.stored, max_rendered_bytes);
      response.header("Content-Type", file.content_type);
    } else {
      // Larger texts are shown by the browser itself, as they are.
      response = Response::send_file(*path, text_alone ? plain_type(type) : file.content_type);
      response.file->etag = "\"" + file.sha256.substr(0, 32) + "\"";
    }
  }
  // Asked for anew each time, so that an expired grant ends what is in the browser's cache too.
  response.header("Cache-Control", "private, no-cache");
  response.header("Content-Security-Policy", type == "application/pdf" ? pdf_policy : page_policy);
  response.header("X-Frame-Options", "SAMEORIGIN");
  response.header("X-Content-Type-Options", "nosniff");
  response.header("Referrer-Policy", "no-referrer");
  response.header("Cross-Origin-Resource-Policy", "same-origin");
  return response;
}

Response serve_protected(Context& ctx) {
  auto& request = ctx.request();
  try {
    return send(ctx, find_file(ctx, ctx.scope(), request.param("grant"), request.param("path")));
  } catch (const mpf::Error& error) {
    if (error.kind() != mpf::ErrorKind::not_found) throw;
    // Shown in a frame of the portal: a page, not problem+json, and never a way to sign in.
    mpf::log::info("{}", error.what());
    auto response = Response::html(document("Not available",
                                            "<h1>This content is not available</h1><p>Its address may have "
                                            "expired. Open it from the portal again.</p>"),
                                   404);
    response.header("Cache-Control", "no-store")
        .header("Content-Security-Policy", page_policy)
        .header("X-Frame-Options", "SAMEORIGIN");
    return response;
  }
}

}  // namespace

void add_delivery_routes(mpf::Setup& s) {
  s.settings<DeliverySettings>("content.delivery");
  s.cleanup("expired grants", [](const mpf::Services& services) {
    return services.system_scope("removing expired grants")
        .query<Grant>()
        .where(orm::f<&Grant::expires_at> <= services.clock().now())
        .remove();
  });
  s.post("/api/items/{id}/access", grant_access);
  s.get("/protected/{grant}/{path*}", serve_protected, {.secret_params = {"grant"}});
}

}  // namespace portal::content
