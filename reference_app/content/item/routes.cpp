#include "content/item/routes.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mpf/app/context.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/text.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/query.hpp>

#include "content/item/changes.hpp"
#include "content/item/models.hpp"
#include "content/item/rules.hpp"

namespace portal::content {
namespace {

using mpf::Context;
using mpf::http::Response;

struct ItemAnswer {
  mpf::Id id;
  mpf::Id collection;
  std::string title;
  std::string slug;
  Kind kind;
  std::string summary;
  Visibility visibility;
  std::int64_t size;
  std::int64_t revision;
  bool retired;
  mpf::Timestamp created_at;
  mpf::Timestamp updated_at;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ItemAnswer::id>(), mpf::field<&ItemAnswer::collection>(),
                         mpf::field<&ItemAnswer::title>(), mpf::field<&ItemAnswer::slug>(),
                         mpf::field<&ItemAnswer::kind>(), mpf::field<&ItemAnswer::summary>(),
                         mpf::field<&ItemAnswer::visibility>(), mpf::field<&ItemAnswer::size>(),
                         mpf::field<&ItemAnswer::revision>(), mpf::field<&ItemAnswer::retired>(),
                         mpf::field<&ItemAnswer::created_at>(), mpf::field<&ItemAnswer::updated_at>());
  }
};

struct ItemChange {
  std::optional<std::string> title;
  std::optional<std::string> summary;
  std::optional<Visibility> visibility;
  std::optional<std::int64_t> revision;  ///< of the item that the change was made from

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ItemChange::title>(), mpf::field<&ItemChange::summary>(),
                         mpf::field<&ItemChange::visibility>(), mpf::field<&ItemChange::revision>());
  }
};

Response answer(const Item& item) {
  return Response::json(ItemAnswer{item.id, item.collection.id, item.title, item.slug, item.kind,
                                   item.summary, item.visibility, item.file->size, item.revision,
                                   item.retired_at.has_value(), item.created_at, item.updated_at})
      .header("Cache-Control", "private, no-store");
}

Item load_item(const orm::SiteScope& scope, mpf::Id id) {
  auto item = scope.query<Item>().where(orm::f<&Item::id> == id).with<&Item::file>().first();
  if (!item) throw mpf::Error(mpf::ErrorKind::not_found, "no item " + id.to_string());
  return std::move(*item);
}

Response show_item(Context& ctx) {
  const auto item = load_item(ctx.scope(), ctx.request().id_param("id"));
  const auto viewer = viewer_of(ctx.user());
  const auto appearance = appearance_of(item.visibility, viewer);
  if (appearance == Appearance::hidden || (item.retired_at && viewer != Viewer::staff)) {
    throw mpf::Error(mpf::ErrorKind::not_found, "item " + item.id.to_string() + " is not for this viewer");
  }
  return answer(item);
}

void check(const ItemChange& change) {
  std::vector<mpf::FieldError> errors;
  const auto limit = [&](const char* field, const std::optional<std::string>& text, std::size_t most) {
    if (text && mpf::utf8_length(*text) > most) {
      errors.push_back({field, "max_length", "at most " + std::to_string(most) + " characters"});
    }
  };
  if (change.title && mpf::trim(*change.title).empty())
    errors.push_back({"title", "required", "must not be empty"});
  limit("title", change.title, 300);
  limit("summary", change.summary, 1000);
  if (!errors.empty()) throw mpf::ValidationError(std::move(errors));
}

Response change_item(Context& ctx) {
  ctx.require_staff();
  const auto change = ctx.request().json<ItemChange>();
  check(change);
  const auto scope = ctx.scope();
  const auto item = ctx.db().transaction([&](mpf::db::Transaction&) {
    auto row = load_item(scope, ctx.request().id_param("id"));
    if (change.revision && *change.revision != row.revision) {
      throw mpf::Error(mpf::ErrorKind::conflict, "item " + row.id.to_string() + " has changed meanwhile",
                       "Somebody else has changed this item: load it again");
    }
    if (change.title) {
      row.title = mpf::trim(*change.title);
      row.title_edited = true;
    }
    if (change.summary) {
      row.summary = mpf::trim(*change.summary);
      row.summary_edited = true;
    }
    if (change.visibility) row.visibility = *change.visibility;
    ++row.revision;
    scope.update(row);
    if (change.visibility) update_file_visibility(scope, row.file->source.id);
    content_changed(ctx, ctx.site().id);
    return row;
  });
  return answer(item);
}

Response set_retired(Context& ctx, bool retired) {
  ctx.require_staff();
  const auto scope = ctx.scope();
  const auto item = ctx.db().transaction([&](mpf::db::Transaction&) {
    auto row = load_item(scope, ctx.request().id_param("id"));
    if (row.retired_at.has_value() == retired) return row;
    if (!retired && row.file->retired_at) {
      throw mpf::Error(mpf::ErrorKind::conflict, "the file of item " + row.id.to_string() + " is gone",
                       "The file of this item is gone: import its folder again");
    }
    row.retired_at = retired ? std::optional(ctx.clock().now()) : std::nullopt;
    row.retired_by_import = false;
    ++row.revision;
    scope.update(row);
    update_file_visibility(scope, row.file->source.id);
    content_changed(ctx, ctx.site().id);
    return row;
  });
  return answer(item);
}

}  // namespace

void add_item_routes(mpf::Setup& s) {
  s.get("/api/items/{id}", show_item);
  s.patch("/api/items/{id}", change_item);
  s.post("/api/items/{id}/retire", [](Context& ctx) { return set_retired(ctx, true); });
  s.post("/api/items/{id}/restore", [](Context& ctx) { return set_retired(ctx, false); });
}

}  // namespace portal::content
