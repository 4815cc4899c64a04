#pragma once

#include <memory>
#include <string_view>

#include <mpf/orm/model.hpp>

namespace mpf::orm {

/// A model without its C++ type: what an application keeps of the models that its modules register, for
/// checks that walk all of them (leak_check.hpp). A small value, about static data.
class AnyModel {
 public:
  template <Model T>
  static AnyModel of() {
    return AnyModel(
        &detail::model_info<T>, [] { return std::shared_ptr<void>(std::make_shared<T>()); },
        has_relations<T>);
  }

  /// "Article"
  std::string_view name() const noexcept { return info().type_name; }
  const Table& table() const noexcept { return info().table; }

  /// For the ORM's own parts.
  const detail::ModelInfo& info() const noexcept { return info_(); }
  detail::ModelGetter getter() const noexcept { return info_; }
  /// A row as its struct makes it.
  std::shared_ptr<void> make() const { return make_(); }
  /// Whether it has sets of rows of other models (relation.hpp).
  bool has_sets() const noexcept { return has_sets_; }

 private:
  using Make = std::shared_ptr<void> (*)();
  AnyModel(detail::ModelGetter model, Make maker, bool sets) : info_(model), make_(maker), has_sets_(sets) {}

  template <class T>
  static constexpr bool has_relations =
      reflect::apply([]<class... Entry>(const Entry&...) { return (detail::is_relation<Entry> || ...); },
                     reflect::description_of<T>.others);

  detail::ModelGetter info_;
  Make make_;
  bool has_sets_;
};

}  // namespace mpf::orm
