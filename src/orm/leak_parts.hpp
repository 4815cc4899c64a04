#pragma once

#include <mpf/orm/detail/model_info.hpp>

/// What the sources of LeakCheck share.
namespace mpf::orm::detail {

/// Calls visit(part, object) for the model and those that it extends, in the order in which rows are decoded.
template <class Visit>
void for_each_part(const ModelInfo& model, void* object, const Visit& visit) {
  for (const ModelInfo* part = &model; part; part = part->base ? &part->base() : nullptr) {
    visit(*part, object);
    if (part->base) object = part->as_base(object);
  }
}

inline bool tells_tenant(const ModelInfo& model, std::size_t column) {
  return column == model.site || column == model.provider;
}

inline bool is_tenant(const ModelInfo& model) { return model.site == model.id || model.provider == model.id; }

}  // namespace mpf::orm::detail
