#include "content/item/routes.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <mpf/app/context.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/json_value.hpp>
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

/// What the body mentions of this.
struct ItemChange {
  std::string title;
  std::string summary;
  Visibility visibility = Visibility::members;
  std::int64_t revision = 0;  ///< of the item that the change was made from

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

/// Control characters, and those that turn the direction of the text behind them.
bool has_control_character(std::string_view text, bool lines) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && !(lines && byte == '\n')) || byte == 0x7f) return true;
    const auto next = text.substr(i, 3);
    if ((next >= "\u202a" && next <= "\u202e") || (next >= "\u2066" && next <= "\u2069")) return true;
  }
  return false;
}

void check(const ItemChange& change) {
  std::vector<mpf::FieldError> errors;
  const auto check_text = [&](const char* field, const std::string& text, std::size_t most, bool lines) {
    if (mpf::utf8_length(text) > most) {
      errors.push_back({field, "max_length", "at most " + std::to_string(most) + " characters"});
    }
    if (has_control_character(text, lines)) {
      errors.push_back({field, "format", "must be text without control characters"});
    }
  };
  check_text("title", change.title, 300, false);
  check_text("summary", change.summary, 1000, true);
  if (!errors.empty()) throw mpf::ValidationError(std::move(errors));
}

Response change_item(Context& ctx) {
  ctx.require_staff();
  const auto given = ctx.request().json<std::map<std::string, mpf::Json>>();
  ItemChange change;
  mpf::read_json(ctx.request().body, change, {.unknown_fields_error = true});
  check(change);
  const bool title = given.contains("title");
  const bool summary = given.contains("summary");
  const bool visibility = given.contains("visibility");
  if (title && mpf::trim(change.title).empty()) {
    throw mpf::ValidationError("title", "required", "must not be empty");
  }
  if (!title && !summary && !visibility) {
    throw mpf::ValidationError("", "required", "say what to change: title, summary or visibility");
  }
  const auto scope = ctx.scope();
  const auto item = ctx.db().transaction([&](mpf::db::Transaction&) {
    auto row = load_item(scope, ctx.request().id_param("id"));
    if (given.contains("revision") && change.revision != row.revision) {
      throw mpf::Error(mpf::ErrorKind::conflict, "item " + row.id.to_string() + " has changed meanwhile",
                       "Somebody else has changed this item: load it again");
    }
    const auto state = [](const Item& i) {
      return std::tuple(i.title, i.title_edited, i.summary, i.summary_edited, i.visibility);
    };
    const auto before = state(row);
    if (title) {
      row.title = mpf::trim(change.title);
      row.title_edited = true;
    }
    if (summary) {
      row.summary = mpf::trim(change.summary);
      row.summary_edited = true;
    }
    if (visibility) row.visibility = change.visibility;
    if (state(row) == before) return row;
    if (visibility) hold_source(scope, row.file->source.id);
    ++row.revision;
    scope.update(row);
    if (visibility) update_file_visibility(scope, row.file->source.id);
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
    hold_source(scope, row.file->source.id);
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
