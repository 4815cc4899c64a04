#include <mpf/orm/inherit.hpp>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/changes.hpp"
#include "orm/render.hpp"
#include "orm/values.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

namespace {

bool has_column(const ModelInfo& model, std::string_view name) {
  return std::ranges::find(model.table.columns, name, &Column::name) != model.table.columns.end();
}

/// Whether update() of these members would write anything into the model's own table.
bool writes_own(const ModelInfo& model, std::span<const std::string_view> members) {
  return !columns_to_update(model, members).empty() || version_column(model) != no_column;
}

/// Whether any update() of rows has effects of its own.
bool has_automatic(const ModelInfo& model) {
  return std::ranges::any_of(
             model.columns, [](const ColumnInfo& column) { return column.auto_now || column.row_version; }) ||
         (model.base && has_automatic(model.base()));
}

/// What is wrong with the values of all parts, told together.
void check_values(const ModelInfo& model, void* object, std::string_view prefix,
                  std::vector<FieldError>& errors) {
  for (std::size_t i = 0; i < model.columns.size(); ++i) {
    if (i != model.id && is_inserted(model, i)) checked_value(model, i, object, prefix, errors);
  }
  if (model.base) check_values(model.base(), model.as_base(object), prefix, errors);
}

}  // namespace

Objects bases_of(const ModelInfo& model, Objects objects) {
  return {model.as_base(objects.first), objects.count, objects.stride};
}

void check_new_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, bool many) {
  std::vector<FieldError> errors;
  for (std::size_t i = 0; i < objects.count && errors.size() < 20; ++i) {
    if (const Id id = id_in(model, model.id, objects[i])) {
      throw Error(ErrorKind::internal,
                  fmt::format("insert(): a row of {} has an id already: {}", model.table.name, id.value));
    }
    adopt_row(scope, model, objects[i]);
    check_values(model, objects[i], many ? fmt::format("[{}].", i) : std::string(), errors);
  }
  if (!errors.empty()) throw ValidationError(std::move(errors));
}

ScopeData storing_part_of(const ScopeData& scope, const ModelInfo& model) {
  ScopeData as_part = scope;
  if (as_part.row_kind.empty()) as_part.row_kind = model.base_kind;
  return as_part;
}

void insert_extended(const ScopeData& scope, const ModelInfo& model, Objects objects, bool many) {
  check_new_extended(scope, model, objects, many);
  const ScopeData as_part = storing_part_of(scope, model);
  try {
    scope.db->transaction([&](db::Transaction&) {
      const Objects bases = bases_of(model, objects);
      if (many) {
        insert_rows(as_part, model.base(), bases);
        insert_own_rows(as_part, model, objects);
      } else {
        insert_row(as_part, model.base(), bases.first);
        insert_own_row(as_part, model, objects.first);
      }
    });
  } catch (...) {
    for (std::size_t i = 0; i < objects.count; ++i) model.columns[model.id].set(objects[i], std::int64_t{0});
    throw;
  }
}

namespace {

/// The versions of all parts of objects, to be put back when a transaction has failed that counted them up.
class Versions {
 public:
  Versions(const ModelInfo& model, Objects objects) {
    for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
      const std::size_t version = version_column(*part);
      for (std::size_t i = 0; version != no_column && i < objects.count; ++i) {
        const ColumnInfo& column = part->columns[version];
        before_.push_back({&column, objects[i], column.get(objects[i])});
      }
      if (part->base) objects = bases_of(*part, objects);
    }
  }
  void restore() const {
    for (const Version& each : before_) each.column->set(each.object, each.value);
  }

 private:
  struct Version {
    const ColumnInfo* column;
    void* object;
    db::Param value;
  };
  std::vector<Version> before_;
};

void update_parts(const ScopeData& scope, const ModelInfo& model, Objects objects,
                  std::span<const std::string_view> members, bool many) {
  scope.db->transaction([&](db::Transaction&) {
    if (!many) {
      update_own_row(scope, model, objects.first, members);
      update_row(scope, model.base(), model.as_base(objects.first), members);
      return;
    }
    if (writes_own(model, members)) {
      update_own_rows(scope, model, objects, members);
    } else {
      for (std::size_t i = 0; i < objects.count; ++i) {
        const Id id = id_in(model, model.id, objects[i]);
        if (!row_is_there(scope, model, id)) throw_no_row(model, id);
      }
    }
    update_rows(scope, model.base(), bases_of(model, objects), members);
  });
}

}  // namespace

void update_extended(const ScopeData& scope, const ModelInfo& model, Objects objects,
                     std::span<const std::string_view> members, bool many) {
  const Versions before(model, objects);
  try {
    update_parts(scope, model, objects, members, many);
  } catch (...) {
    before.restore();
    throw;
  }
}

bool remove_extended(const ScopeData& scope, const ModelInfo& model, Id id) {
  bool removed = false;
  scope.db->transaction([&](db::Transaction&) {
    recording(scope, model, [&](Recorder* recorder) {
      if (recorder) recorder->before(std::vector{id.value});
      // The own part goes with the base's.
      removed = row_is_there(scope, model, id) && remove_row(scope, model.base(), id);
      if (recorder && removed) recorder->removed();
    });
  });
  return removed;
}

std::uint64_t QueryCore::remove_extended(const RowTarget* returning) const {
  std::uint64_t rows = 0;
  scope_.db->transaction([&](db::Transaction&) {
    const std::vector<std::int64_t> found = ids(db::Access::write);
    if (found.empty()) return;
    const QueryCore own = QueryCore(scope_, *model_).only(found).at(origin_);
    if (returning) own.fetch(*returning);
    recording(scope_, *model_, [&](Recorder* recorder) {
      if (recorder) recorder->before(found);
      rows = QueryCore(scope_, model_->base()).only(found).at(origin_).remove();
      if (recorder) recorder->removed();
    });
  });
  return rows;
}

std::uint64_t QueryCore::update_extended(std::span<const NewValue> values, const RowTarget* returning) const {
  std::vector<NewValue> own;
  std::vector<NewValue> of_base;
  for (const NewValue& value : values) (has_column(*model_, value.column) ? own : of_base).push_back(value);
  std::uint64_t rows = 0;
  scope_.db->transaction([&](db::Transaction&) {
    const std::vector<std::int64_t> found = ids(db::Access::write);
    rows = found.size();
    if (found.empty()) return;
    if (!own.empty()) QueryCore(scope_, *model_).only(found).at(origin_).update_own(own, nullptr);
    if (!of_base.empty() || has_automatic(model_->base())) {
      QueryCore(scope_, model_->base()).only(found).at(origin_).update(of_base);
    }
    if (returning) QueryCore(scope_, *model_).with_retired().only(found).at(origin_).fetch(*returning);
  });
  return rows;
}

}  // namespace mpf::orm::detail
